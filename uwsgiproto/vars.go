package uwsgiproto

import "encoding/binary"

// Vars is an encoded var block, or what is left of one. It may be longer than MaxBlock: only the packet header limits
// a block to that.
type Vars []byte

// Next takes the first variable off the block, which must not be empty:
//
//	for rest := block; len(rest) > 0; {
//		key, value, rest, err = rest.Next()
//
// Key and value are views into the block; the value may be empty, the key is not. An error is an *Error whose offset
// counts from the start of v, and leaves nothing to go on with.
func (v Vars) Next() (key, value []byte, rest Vars, err error) {
	if len(v) < 2 {
		return nil, nil, nil, &Error{Problem: ProblemShortKeyLength, Size: len(v)}
	}
	keyEnd := 2 + int(binary.LittleEndian.Uint16(v))
	if keyEnd == 2 {
		return nil, nil, nil, &Error{Problem: ProblemEmptyKey}
	}
	if keyEnd > len(v) {
		return nil, nil, nil, &Error{Problem: ProblemKeyOverrun, Size: keyEnd - 2}
	}
	if len(v) < keyEnd+2 {
		return nil, nil, nil, &Error{Problem: ProblemShortValueLength, Offset: keyEnd, Size: len(v) - keyEnd}
	}
	valueEnd := keyEnd + 2 + int(binary.LittleEndian.Uint16(v[keyEnd:]))
	if valueEnd > len(v) {
		return nil, nil, nil, &Error{Problem: ProblemValueOverrun, Offset: keyEnd, Size: valueEnd - keyEnd - 2}
	}
	return v[2:keyEnd:keyEnd], v[keyEnd+2 : valueEnd : valueEnd], v[valueEnd:], nil
}

// Scanner walks a whole block, counts its variables and knows where it is. The zero Scanner is at the end.
//
//	scanner := NewScanner(block, maxVars)
//	for scanner.Scan() {
//		use(scanner.Key, scanner.Value)
//	}
//	if scanner.Err != nil { … }
type Scanner struct {
	Key, Value []byte // of the variable at which Scan stopped; views into the block
	Count      int    // variables so far
	Err        error  // nil, or the *Error that ended the scan; its offset counts from the start of the block

	rest    Vars
	size    int
	maxVars int
}

// NewScanner makes a Scanner for block that refuses more than maxVars variables with ProblemTooManyVars.
func NewScanner(block []byte, maxVars int) Scanner {
	return Scanner{rest: block, size: len(block), maxVars: maxVars}
}

// Scan goes to the next variable. It gives false at the end and at the first problem.
func (s *Scanner) Scan() bool {
	if len(s.rest) == 0 || s.Err != nil {
		return false
	}
	offset := s.size - len(s.rest)
	if s.Count == s.maxVars {
		s.Err = &Error{Problem: ProblemTooManyVars, Offset: offset, Size: s.maxVars}
		return false
	}
	key, value, rest, err := s.rest.Next()
	if err != nil {
		problem := err.(*Error)
		problem.Offset += offset
		s.Err = problem
		return false
	}
	s.Key, s.Value, s.rest = key, value, rest
	s.Count++
	return true
}

// Lookup finds the value of a key; of several the last, which is the one that counts. A block that is broken is
// searched up to where it breaks.
func (v Vars) Lookup(name string) (value []byte, found bool) {
	for rest := v; len(rest) > 0; {
		key, current, next, err := rest.Next()
		if err != nil {
			break
		}
		if string(key) == name {
			value, found = current, true
		}
		rest = next
	}
	return value, found
}

// AppendVar appends one variable to a block. It refuses a key or value of more than MaxVar bytes (ProblemVarTooLarge)
// and an empty key (ProblemEmptyKey), and then gives dst back unchanged; it never cuts anything short.
func AppendVar[K, V ~[]byte | ~string](dst []byte, key K, value V) ([]byte, error) {
	switch {
	case len(key) == 0:
		return dst, &Error{Problem: ProblemEmptyKey, Offset: len(dst)}
	case len(key) > MaxVar:
		return dst, &Error{Problem: ProblemVarTooLarge, Offset: len(dst), Size: len(key)}
	case len(value) > MaxVar:
		return dst, &Error{Problem: ProblemVarTooLarge, Offset: len(dst) + 2 + len(key), Size: len(value)}
	}
	dst = append(dst, byte(len(key)), byte(len(key)>>8))
	dst = append(dst, key...)
	dst = append(dst, byte(len(value)), byte(len(value)>>8))
	return append(dst, value...), nil
}
