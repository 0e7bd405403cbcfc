package configs

import (
	"maps"
	"strings"
	"testing"
)

func TestProcessLimits(t *testing.T) {
	got, err := Process{Rlimits: map[string]string{"nofile": "65536", "core": "0", "stack": "16MiB", "nproc": "unlimited"}}.Limits()
	want := map[string]uint64{"nofile": 65536, "core": 0, "stack": 16 << 20, "nproc": Unlimited}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for name, text := range map[string]string{"nofile": "64KiB", "core": "-1", "as": "1GiB", "nproc": "many", "fsize": "1K"} {
		if _, err := (Process{Rlimits: map[string]string{name: text}}).Limits(); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: %s gives %v", name, text, err)
		}
	}
}

func TestUmaskBits(t *testing.T) {
	for text, want := range map[string]int{"0027": 0o027, "22": 0o022, "0o077": 0o077, "0": 0, "777": 0o777} {
		if bits, set := (Process{Umask: text}).UmaskBits(); !set || bits != want {
			t.Errorf("%q: %o, %v", text, bits, set)
		}
	}
	for _, text := range []string{"", "8", "1000", "-1", "u=rwx"} {
		if bits, set := (Process{Umask: text}).UmaskBits(); set {
			t.Errorf("%q: %o", text, bits)
		}
	}
}
