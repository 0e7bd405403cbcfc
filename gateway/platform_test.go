package gateway

import (
	"go/build/constraint"
	"os"
	"strings"
	"testing"
)

// TestOtherPlatformsDoNotBuild: the file that makes the build fail is left out on the two platforms that there are.
func TestOtherPlatformsDoNotBuild(t *testing.T) {
	text, err := os.ReadFile("platform_other.go")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	rule, err := constraint.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	for platform, builds := range map[string]bool{
		"linux/amd64": true, "linux/arm64": true,
		"linux/386": false, "linux/riscv64": false, "darwin/arm64": false, "windows/amd64": false, "freebsd/amd64": false,
	} {
		system, machine, _ := strings.Cut(platform, "/")
		if fails := rule.Eval(func(tag string) bool { return tag == system || tag == machine }); fails == builds {
			t.Errorf("%s: builds: %v, want %v", platform, !fails, builds)
		}
	}
}
