package static

import (
	"bytes"
	_ "embed" // the page
	"html/template"
	"net/url"
	"strconv"
	"strings"
)

const pageType = "text/html; charset=utf-8"

//go:embed listing.html
var listingHTML string

// parseListing gives the page's template, which escapes every name for where it stands.
func parseListing() (*template.Template, error) { return template.New("listing").Parse(listingHTML) }

// crumb is one step of the path at the head of the page.
type crumb struct{ Name, Link string }

// column is the head of one column; its link sorts by it, or the other way round.
type column struct {
	Title, Link, Arrow string
	Number             bool
}

type row struct {
	Name, Link, Size, Exact, Modified, Stamp string
	Directory                                bool
}

type page struct {
	Path      string
	Crumbs    []crumb
	Columns   []column
	Parent    bool
	Rows      []row
	Summary   string
	Truncated bool
	Limit     int
}

// page renders the listing for people.
func (l *listing) page(with *template.Template) []byte {
	p := page{
		Path: l.Path, Crumbs: l.crumbs, Columns: l.columns(), Parent: len(l.crumbs) > 1, Truncated: l.Truncated, Limit: maxListed,
		Summary: l.summary(),
	}
	for _, e := range l.Entries {
		p.Rows = append(p.Rows, e.row())
	}
	var b bytes.Buffer
	if err := with.Execute(&b, p); err != nil {
		return []byte("the page cannot be made: " + err.Error()) // never: the template is ours, and memory takes every write
	}
	return b.Bytes()
}

func (e *entry) row() row {
	r := row{
		Name: e.Name, Link: "./" + (&url.URL{Path: e.Name}).EscapedPath(), Directory: e.Directory,
		Modified: e.Modified.Format("2006-01-02 15:04"), Stamp: e.Modified.Format("2006-01-02T15:04:05Z"),
	}
	if e.Directory {
		r.Name, r.Link = r.Name+"/", r.Link+"/"
		return r
	}
	r.Size, r.Exact = humanSize(e.Size), strconv.FormatInt(e.Size, 10)
	return r
}

func (l *listing) columns() []column {
	var columns []column
	for _, c := range []struct{ by, title string }{{"name", "Name"}, {"size", "Size"}, {"modified", "Modified (UTC)"}} {
		col := column{Title: c.title, Link: "?sort=" + c.by, Number: c.by == "size"}
		if l.sorted.By == c.by {
			col.Arrow = "↑"
			if l.sorted.Down {
				col.Arrow = "↓"
			} else {
				col.Link += "&order=desc"
			}
		}
		columns = append(columns, col)
	}
	return columns
}

func (l *listing) summary() string {
	directories, bytes := 0, int64(0)
	for _, e := range l.Entries {
		if e.Directory {
			directories++
		}
		bytes += e.Size
	}
	files := len(l.Entries) - directories
	return count(directories, "directory", "directories") + ", " + count(files, "file", "files") + ", " + humanSize(bytes)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// crumbsOf gives a link to each directory above, up to the mount.
func crumbsOf(path, prefix string) []crumb {
	below := strings.Trim(strings.TrimPrefix(path, prefix), "/")
	crumbs := []crumb{{Name: prefix + "/"}}
	if below != "" {
		for _, name := range strings.Split(below, "/") {
			crumbs = append(crumbs, crumb{Name: name})
		}
	}
	for i := range crumbs {
		crumbs[i].Link = "./" + strings.Repeat("../", len(crumbs)-1-i)
	}
	return crumbs
}

// humanSize gives three digits and a binary unit.
func humanSize(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, unit := float64(n)/1024, 0
	for value >= 1000 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	digits := 0
	if value < 10 {
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + units[unit:unit+1] + "iB"
}
