package configs

import "reflect"

// Changed lists what two configurations differ in: keys ("workers.threads"), and lists as a whole ("http"). It is in
// the order of the struct.
func Changed(a, b Config) []string {
	return appendChanged(nil, "", reflect.ValueOf(a), reflect.ValueOf(b))
}

func appendChanged(paths []string, prefix string, a, b reflect.Value) []string {
	for i := range a.NumField() {
		path := join(prefix, yamlName(a.Type().Field(i)))
		switch {
		case isSection(a.Field(i)):
			paths = appendChanged(paths, path, a.Field(i), b.Field(i))
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			paths = append(paths, path)
		}
	}
	return paths
}
