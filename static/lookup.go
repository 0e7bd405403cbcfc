package static

import "time"

const (
	// siblingsFor is how long an answer to "which siblings are there" is used. A file itself is always looked at; only
	// the appearance of a new sibling may be noticed that late.
	siblingsFor = time.Second
	// confirmFor is how long "it is still that file" is believed. A file that is asked for more often than that saves a
	// tenth of the server's time (decision 0011), and no client can tell: a request takes longer to arrive.
	confirmFor = 100 * time.Microsecond
	// siblingLag is how much older than the file a sibling may be: tools that copy a tree set times in any order, but
	// one of an earlier deploy has another content.
	siblingLag = time.Minute
)

// place is where a request leads: a file that is held, or one to be read.
type place struct {
	wanted
	held *file // nil: read it
	id   identity
}

// look finds what a path below the mount is, in memory or on disk.
func (m *mount) look(rel []byte) (place, error) {
	return m.lookCoded(rel, codingPlain)
}

// lookCoded is look for the file itself or for one of its siblings.
func (m *mount) lookCoded(rel []byte, c coding) (p place, err error) {
	key := rel
	var space [256]byte
	if c != codingPlain {
		key = append(append(append(space[:0], rel...), 0), c.suffix()...)
	}
	if f := m.memory.get(key); f != nil {
		if p.id, err = m.confirm(f); err == nil && p.id == f.id {
			p.held = f
			p.wanted = wanted{key: f.key, path: f.path, coding: c, varies: f.varies, plain: f.plain}
			return p, nil
		}
		m.memory.drop(f)
	}
	plain := string(rel)
	p.wanted = wanted{key: string(key), plain: plain, path: m.pathOf(plain) + c.suffix(), coding: c}
	p.id, err = look(p.path)
	return p, err
}

// confirm asks the disk what is at a held file's path, unless somebody has just done so.
func (m *mount) confirm(f *file) (identity, error) {
	now := int64(time.Since(m.born))
	if now-f.confirmed.Load() < int64(m.confirmFor) {
		return f.id, nil
	}
	id, err := look(f.path)
	if err == nil && id == f.id {
		f.confirmed.Store(now) // of before the look
	}
	return id, err
}

func (m *mount) pathOf(name string) string {
	if m.single {
		return m.root
	}
	return m.root + "/" + name
}

// lookIndex finds the first index file of a directory, which ends with a slash or is the mount itself.
func (m *mount) lookIndex(dir []byte) (place, bool) {
	for _, name := range m.index {
		p, err := m.look([]byte(string(dir) + name))
		if err == nil && p.id.isRegular {
			return p, true
		}
	}
	return place{}, false
}

// choose goes from a file to the sibling that the client likes best, if there is one.
func (m *mount) choose(p place, a *asked, now time.Time) place {
	var set codingSet
	if m.siblings {
		set = m.siblingsOf(&p, now)
	}
	makes := set == 0 && m.compresses(&p, now)
	p.varies = set != 0 || makes
	if p.held != nil && p.held.varies != p.varies {
		p.held = nil // its head says the wrong thing
	}
	if !p.varies || len(a.acceptEncoding) == 0 {
		return p
	}
	w := parseAccept(a.acceptEncoding)
	if makes {
		return m.chooseMade(p, &w)
	}
	for {
		c := w.choose(set)
		if c == codingPlain {
			return p
		}
		sibling, err := m.lookCoded([]byte(p.plain), c)
		if err == nil && isUsable(p.id, sibling.id) {
			sibling.varies = true
			return sibling
		}
		set &^= 1 << c
	}
}

// siblingsOf tells which siblings of a file there are.
func (m *mount) siblingsOf(p *place, now time.Time) codingSet {
	if p.held != nil && int64(now.Sub(m.born))-p.held.codingAt.Load() < int64(siblingsFor) {
		return codingSet(p.held.codings.Load())
	}
	var set codingSet
	for c := codingBrotli; c < codingPlain; c++ {
		if id, err := look(p.path + c.suffix()); err == nil && isUsable(p.id, id) {
			set |= 1 << c
		}
	}
	if p.held != nil {
		p.held.codings.Store(uint32(set))
		p.held.codingAt.Store(int64(now.Sub(m.born)))
	}
	return set
}

// isUsable says whether a sibling holds what the file holds now, and is worth it.
func isUsable(plain, sibling identity) bool {
	return sibling.isRegular && sibling.size < plain.size && sibling.modified+int64(siblingLag) >= plain.modified
}

// belowRoot gives the name to open beneath the root.
func (w *wanted) belowRoot() string { return w.plain + w.coding.suffix() }

// isDirectoryName says that only an index can answer.
func isDirectoryName(rel []byte) bool { return len(rel) == 0 || rel[len(rel)-1] == '/' }

// servesFallback says whether a miss is a page of an application that runs in the browser. A name with an extension is
// a file that is missing, unless a person asks for it.
func (m *mount) servesFallback(rel []byte, a *asked) bool {
	return m.fallback != "" && (!hasExtension(rel) || a.wantsPage())
}
