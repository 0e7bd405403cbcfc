package control

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestDocsNameEveryField of status.json: a program that reads it has nothing else to go by.
func TestDocsNameEveryField(t *testing.T) {
	text, err := os.ReadFile("../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	var walk func(path string, kind reflect.Type)
	walk = func(path string, kind reflect.Type) {
		for kind.Kind() == reflect.Slice || kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if kind.Kind() != reflect.Struct || kind.PkgPath() == "time" {
			return
		}
		for i := range kind.NumField() {
			field := kind.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case field.Anonymous:
				walk(path, field.Type)
			case name == "daemons" || name == "jobs" || name == "cache": // have pages of their own
			case !strings.Contains(string(text), "`"+name+"`"):
				t.Errorf("docs/monitoring.md says nothing about %s.%s", path, name)
			default:
				walk(path+"."+name, field.Type)
			}
		}
	}
	walk("", reflect.TypeFor[Report]())
}
