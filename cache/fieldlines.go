package cache

import "bytes"

// fieldLine is one line of a header block: "Name: value\r\n".
type fieldLine struct {
	name, value []byte // without the blanks around the value
	raw         []byte // the line with its end
}

// nextLine takes the first line off a block, which must not be empty. A line without a colon has no name.
func nextLine(fields []byte) (line fieldLine, rest []byte) {
	end := bytes.IndexByte(fields, '\n') + 1
	if end == 0 {
		end = len(fields)
	}
	line.raw, rest = fields[:end], fields[end:]
	name, value, found := bytes.Cut(line.raw, []byte{':'})
	if found {
		line.name, line.value = name, bytes.Trim(value, " \t\r\n")
	}
	return line, rest
}

// isNamed compares a field's name with one in lower case.
func (l *fieldLine) isNamed(lower string) bool { return equalFold(l.name, lower) }

// equalFold compares ASCII text with one in lower case, without regard to case.
func equalFold(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i := range len(lower) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// nextMember takes the first member off a comma-separated list (RFC 9110 section 5.6.1). Commas in quoted strings do
// not separate. The member has no blanks around it and may be empty.
func nextMember(list []byte) (member, rest []byte) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return bytes.Trim(list[:i], " \t"), list[i+1:]
		}
	}
	return bytes.Trim(list, " \t"), nil
}

// joinField adds the value of a field that was sent again (RFC 9110 section 5.3).
func joinField(first, second []byte) []byte {
	if first == nil {
		return second
	}
	return append(append(append(make([]byte, 0, len(first)+2+len(second)), first...), ", "...), second...)
}
