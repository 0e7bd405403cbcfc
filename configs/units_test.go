package configs

import (
	"testing"
	"time"
)

func TestByteSize(t *testing.T) {
	good := map[string]ByteSize{
		"0": 0, "512": 512, "64KiB": 64 << 10, "64kib": 64 << 10, "10MB": 10_000_000, "1 GiB": 1 << 30, "7B": 7,
		"8388607TiB": 8388607 << 40,
	}
	for text, want := range good {
		got, err := ParseByteSize(text)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
		if back, err := ParseByteSize(got.String()); err != nil || back != got {
			t.Errorf("%q is written %q, which reads %d, %v", text, got, back, err)
		}
	}
	for _, text := range []string{"", "-1", "1.5MB", "64K", "KiB", "1 XB", "8388608TiB", "99999999999999999999", "0x10"} {
		if got, err := ParseByteSize(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"60s": time.Minute, "1m30s": 90 * time.Second, "0": 0, "0s": 0} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "60", "1.5", "1d", "60 s", "s", "1e3"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{
		75 * time.Second: "75s", time.Hour: "1h", 90 * time.Minute: "1h30m", 100 * time.Millisecond: "100ms",
		20 * time.Minute: "20m", 0: "0s", -time.Second: "-1s",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

func TestFileMode(t *testing.T) {
	for text, want := range map[string]FileMode{"0660": 0o660, "660": 0o660, "0o600": 0o600, "777": 0o777} {
		if got, err := ParseFileMode(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "1777", "rw-", "-1", "689"} {
		if got, err := ParseFileMode(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	if FileMode(0).String() != "0660" || FileMode(0o7).String() != "0007" || FileMode(0).Perm() != 0o660 {
		t.Error("modes are not written in four digits, or zero is not 0660")
	}
}

func TestPublicAddresses(t *testing.T) {
	for text, public := range map[string]bool{
		":1": false, "127.0.0.1:1": false, "127.9.9.9:1": false, "localhost:1": false, "[::1]:1": false,
		"[::ffff:127.0.0.1]:1": false, "unix:/a": false, "unix:@a": false,
		"0.0.0.0:1": true, "[::]:1": true, "10.0.0.1:1": true, "example.org:1": true,
	} {
		a, err := parseAddress(text)
		if err != nil || a.isPublic() != public {
			t.Errorf("%s: public %v, %v", text, a.isPublic(), err)
		}
	}
}

func TestPercent(t *testing.T) {
	for text, want := range map[string]Percent{"0%": 0, "10%": 10, "100%": 100} {
		got, err := ParsePercent(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "10", "0.1", "1.5%", "10 %", "10%%"} {
		if got, err := ParsePercent(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}
