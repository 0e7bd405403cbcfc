package control

import "testing"

// Truth: what CPython 3.11 prints.
func TestHeadline(t *testing.T) {
	const frame = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    raise KeyError(1)\n"
	for text, want := range map[string]string{
		"":                             "",
		"one\ntwo\n":                   "two",
		frame + "KeyError: 1\n":        "KeyError: 1",
		frame + "ValueError: a\n b\nc": "ValueError: a",
		frame + "KeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\n" + frame + "OSError: x": "OSError: x",
		"exception in a request:\n" + frame + "KeyError: 2":                                                                     "KeyError: 2",
		frame: "raise KeyError(1)",
		"Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  File \"a.py\", line 2 in f": "Fatal Python error: Segmentation fault",
	} {
		one := Incident{Text: text}
		if got := one.Headline(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
