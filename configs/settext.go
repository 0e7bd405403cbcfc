package configs

import (
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// setText parses a text by the type of the field and sets it. The same texts mean the same in the file, in the
// environment and behind a flag. Its errors say what to write instead.
func setText(into reflect.Value, text string) error {
	value, err := parseAs(into.Interface(), text)
	if err == nil {
		into.Set(reflect.ValueOf(value))
	}
	return err
}

func parseAs(example any, text string) (any, error) {
	switch example.(type) {
	case string:
		return text, nil
	case bool:
		return parseBool(text)
	case int:
		return parseInt(text)
	case ByteSize:
		return ParseByteSize(text)
	case FileMode:
		return ParseFileMode(text)
	case Processes:
		return ParseProcesses(text)
	case Ratio:
		return ParseRatio(text)
	case Percent:
		return ParsePercent(text)
	case time.Duration:
		return ParseDuration(text)
	}
	return nil, fmt.Errorf("a %T cannot be written as text", example)
}

func parseInt(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", text)
	}
	return n, nil
}
