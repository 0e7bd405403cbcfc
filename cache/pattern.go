package cache

import "strings"

// pattern is a name, or the beginning of names when it was written with a star at its end.
type pattern struct {
	text   string
	prefix bool
}

func newPattern(text string) pattern {
	start, isPrefix := strings.CutSuffix(text, "*")
	return pattern{start, isPrefix}
}

func newPatterns(texts []string) []pattern {
	list := make([]pattern, len(texts))
	for i, text := range texts {
		list[i] = newPattern(text)
	}
	return list
}

func (p pattern) fits(name []byte) bool {
	if p.prefix {
		return len(name) >= len(p.text) && string(name[:len(p.text)]) == p.text
	}
	return string(name) == p.text
}

func fitsAny(list []pattern, name []byte) bool {
	for i := range list {
		if list[i].fits(name) {
			return true
		}
	}
	return false
}
