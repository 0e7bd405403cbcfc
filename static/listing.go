package static

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"penknife/gateway"
)

const (
	// maxListed bounds a list: nobody reads more, and a directory may have millions of files.
	maxListed = 10000
	// listBatch is how many names are read from the directory at a time.
	listBatch = 256
)

// listing is a directory as a client gets it, also as JSON.
type listing struct {
	Path    string  `json:"path"` // as asked for, with a slash at the end
	Entries []entry `json:"entries"`
	// Truncated says that the directory has more entries than these, which are then any of them.
	Truncated bool `json:"truncated"`

	crumbs []crumb
	sorted order
}

// entry is a file or a directory in a listing.
type entry struct {
	Name      string    `json:"name"`
	Directory bool      `json:"directory"`
	Size      int64     `json:"size"` // bytes; 0 for a directory
	Modified  time.Time `json:"modified"`
}

// listable notes that the directory is to be listed, if it may be. The path is one that ends with a slash, or empty.
func (v *visit) listable(dir []byte) bool {
	if !v.m.listing || v.m.single {
		return false
	}
	name := strings.TrimSuffix(string(dir), "/")
	id, err := look(v.m.pathOf(name))
	if err != nil || !id.isDir {
		return false
	}
	v.lists = &name
	return true
}

// list makes the answer. It blocks for the disk.
func (v *visit) list(dir string) (*gateway.Response, error) {
	l := listing{Path: string(v.r.Path), Entries: []entry{}, sorted: readOrder(v.r.Query)}
	if err := l.read(v.m, dir); err != nil {
		return v.trouble(err)
	}
	l.sorted.apply(l.Entries)
	l.crumbs = crumbsOf(l.Path, v.m.prefix)
	content, mediaType := l.page(v.m.pages), pageType
	if prefersJSON(v.accept) {
		content, mediaType = l.json(), "application/json"
	}
	v.m.count(Listed)
	fields := appendField(nil, "Content-Type", mediaType)
	fields = append(fields, "Cache-Control: no-cache\r\nVary: Accept\r\n"...)
	if !v.m.nosniff {
		fields = append(fields, "X-Content-Type-Options: nosniff\r\n"...)
	}
	if mediaType == pageType {
		fields = append(fields, "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n"...)
	}
	return &gateway.Response{
		Status: http.StatusOK, Reason: reasonOK, Fields: append(fields, v.m.headers...), Length: int64(len(content)),
		Whole: content, Body: noBody,
	}, nil
}

// read gathers what clients could ask for: regular files and directories without a dot, beneath the root.
func (l *listing) read(m *mount, dir string) error {
	name := dir
	if name == "" {
		name = "."
	}
	f, err := m.open.beneath(m.root, name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	for {
		batch, err := f.ReadDir(listBatch)
		for _, found := range batch {
			e, ok := m.entryOf(f, dir, found)
			if !ok {
				continue
			}
			if len(l.Entries) == maxListed {
				l.Truncated = true
				return nil
			}
			l.Entries = append(l.Entries, e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// entryOf describes one name, unless asking for it would find nothing. A symbolic link is opened beneath the root, since
// one that leads out must not even tell how large its target is.
func (m *mount) entryOf(dir *os.File, below string, found os.DirEntry) (e entry, ok bool) {
	name := found.Name()
	if !isClean([]byte(name)) {
		return entry{}, false
	}
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return entry{}, false // gone meanwhile
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK && !m.statBeneath(join2(below, name), &st) {
		return entry{}, false
	}
	id := identityOf(&st)
	if !id.isDir && !id.isRegular {
		return entry{}, false
	}
	e = entry{Name: name, Directory: id.isDir, Modified: time.Unix(0, id.modified).UTC().Truncate(time.Second)}
	if !id.isDir {
		e.Size = id.size
	}
	return e, true
}

func (m *mount) statBeneath(name string, st *unix.Stat_t) bool {
	target, err := m.open.beneath(m.root, name)
	if err != nil {
		return false
	}
	defer target.Close() //nolint:errcheck // nothing was written
	return unix.Fstat(int(target.Fd()), st) == nil
}

func join2(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

func (l *listing) json() []byte {
	content, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return []byte("{}") // never: the struct has nothing that cannot be written
	}
	return append(content, '\n')
}

// prefersJSON tells whether a program asks: one that names JSON and no page. Browsers name text/html first.
func prefersJSON(accept []byte) bool {
	text := strings.ToLower(string(accept))
	return strings.Contains(text, "application/json") && !strings.Contains(text, fallbackAccept)
}

// order is how a listing is sorted: directories first, then by one column.
type order struct {
	By   string // name, size or modified
	Down bool
}

// readOrder reads ?sort=COLUMN&order=desc; anything else is by name.
func readOrder(query []byte) order {
	values, err := url.ParseQuery(string(query))
	if err != nil {
		return order{By: "name"}
	}
	o := order{By: values.Get("sort"), Down: values.Get("order") == "desc"}
	if o.By != "size" && o.By != "modified" {
		o.By = "name"
	}
	return o
}

func (o order) apply(entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int {
		if a.Directory != b.Directory {
			if a.Directory {
				return -1
			}
			return 1
		}
		c := o.compare(&a, &b)
		if c == 0 {
			return strings.Compare(a.Name, b.Name)
		}
		if o.Down {
			return -c
		}
		return c
	})
}

func (o order) compare(a, b *entry) int {
	switch o.By {
	case "size":
		return int(min(1, max(-1, a.Size-b.Size)))
	case "modified":
		return a.Modified.Compare(b.Modified)
	}
	return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
}
