package access

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"penknife/configs"
	"penknife/sockets"
)

// rule is who may ask for a path and all below it.
type rule struct {
	name   string // the path as it was written
	prefix string // without the slash at its end; "" is everything
	folded string // the same in lower case
	access sockets.Access
}

// ruleSet is all rules, the longest prefix first. It does not change.
type ruleSet struct {
	rules []rule
	folds bool // a prefix has a letter in upper case
}

// newRuleSet gives nil when there is no rule.
func newRuleSet(sections []configs.Access) (*ruleSet, error) {
	if len(sections) == 0 {
		return nil, nil
	}
	s := &ruleSet{}
	for i, section := range sections {
		access, err := sockets.ParseAccess(section.Allow, section.Deny)
		if err != nil {
			return nil, fmt.Errorf("access[%d]: %w", i, err)
		}
		prefix := strings.TrimRight(section.Path, "/")
		one := rule{section.Path, prefix, lower(prefix), access}
		s.folds = s.folds || one.folded != one.prefix
		s.rules = append(s.rules, one)
	}
	slices.SortStableFunc(s.rules, func(a, b rule) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
	return s, nil
}

// refusal gives the rule that keeps a client from a path, or nil.
func (s *ruleSet) refusal(path []byte, client netip.Addr) *rule {
	if isPlain(path) {
		return s.judge(string(path), client)
	}
	for _, reading := range readings(string(path)) {
		if by := s.judge(reading, client); by != nil {
			return by
		}
	}
	return nil
}

// judge looks at one reading of a path, as it is and without regard to case.
func (s *ruleSet) judge(path string, client netip.Addr) *rule {
	by := s.find(path, func(r *rule) string { return r.prefix })
	if by != nil && !by.access.Admits(client) {
		return by
	}
	if folded := lower(path); s.folds || folded != path {
		by = s.find(folded, func(r *rule) string { return r.folded })
		if by != nil && !by.access.Admits(client) {
			return by
		}
	}
	return nil
}

// find gives the rule with the longest prefix that ends where a segment of the path does.
func (s *ruleSet) find(path string, prefixOf func(*rule) string) *rule {
	for i := range s.rules {
		rest, ok := strings.CutPrefix(path, prefixOf(&s.rules[i]))
		if ok && (rest == "" || rest[0] == '/' || prefixOf(&s.rules[i]) == "") {
			return &s.rules[i]
		}
	}
	return nil
}
