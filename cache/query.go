package cache

import "bytes"

// Parameters are told apart by their decoded names, as applications read them. Comparing what was sent would let %71
// pass for something else than q: the application would see a parameter that is not in the key, and its answer would
// then be given to everybody.

// appendQuery appends the parameters that distinguish answers, in their order and as they were sent.
func appendQuery(dst, query []byte, rule *rule) []byte {
	if len(rule.keepQuery)+len(rule.dropQuery) == 0 {
		return append(dst, query...)
	}
	from := len(dst)
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte{'&'})
		if !rule.distinguishes(pair) {
			continue
		}
		if len(dst) > from {
			dst = append(dst, '&')
		}
		dst = append(dst, pair...)
	}
	return dst
}

// distinguishes says whether a parameter belongs into the key. Some frameworks begin another parameter at a semicolon, so what
// has one always does.
func (r *rule) distinguishes(pair []byte) bool {
	if bytes.IndexByte(pair, ';') >= 0 {
		return true
	}
	var room [64]byte
	name := parameterName(room[:0], pair)
	return (len(r.keepQuery) == 0 || fitsAny(r.keepQuery, name)) && !fitsAny(r.dropQuery, name)
}

// bypassesQuery says that a request goes past the cache for one of its parameters.
func (r *rule) bypassesQuery(query []byte) bool {
	if len(r.bypassQuery) == 0 {
		return false
	}
	var room [64]byte
	for len(query) > 0 {
		pair := query
		if end := bytes.IndexAny(query, "&;"); end >= 0 {
			pair, query = query[:end], query[end+1:]
		} else {
			query = nil
		}
		if fitsAny(r.bypassQuery, parameterName(room[:0], pair)) {
			return true
		}
	}
	return false
}

// parameterName gives the name of a parameter, decoded (application/x-www-form-urlencoded) into room if it has to be.
func parameterName(room, pair []byte) []byte {
	name, _, _ := bytes.Cut(pair, []byte{'='})
	if bytes.IndexByte(name, '%') < 0 && bytes.IndexByte(name, '+') < 0 {
		return name
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(name) && unhex(name[i+1]) >= 0 && unhex(name[i+2]) >= 0:
			c = byte(unhex(name[i+1])<<4 | unhex(name[i+2]))
			i += 2
		}
		room = append(room, c)
	}
	return room
}

// unhex gives the value of a hexadecimal digit, -1 for what is none.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
