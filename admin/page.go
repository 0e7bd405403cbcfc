package admin

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"

	"penknife/control"
)

//go:embed page/status.html
var pageHTML string

//go:embed page/status.css
var pageStyle string

//go:embed page/status.js
var pageScript string

// icon is the page's, so that no browser asks for a file that is not there.
const icon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='%232463c9'%3E" +
	"%3Cpath d='M3 14.5 16.8 4.2a2.2 2.2 0 0 1 3.1.5l.6.9L6.6 18.2z'/%3E" +
	"%3Cpath d='M6.2 18.6 20.9 12l.7 1.5a3 3 0 0 1-1.5 4L12 21z' opacity='.45'/%3E%3C/svg%3E"

// page makes the status page: one document without anything from elsewhere.
type page struct {
	template *template.Template
	policy   string // Content-Security-Policy: our style and our script, by their hashes, and nothing else
}

func newPage() *page {
	functions := template.FuncMap{
		"icon":   func() template.URL { return icon },
		"style":  func() template.HTML { return template.HTML("<style>" + pageStyle + "</style>") },
		"script": func() template.HTML { return template.HTML("<script>" + pageScript + "</script>") },
	}
	return &page{
		template: template.Must(template.New("status").Funcs(functions).Parse(pageHTML)),
		policy: "default-src 'none'; style-src " + hashOf(pageStyle) + "; script-src " + hashOf(pageScript) +
			"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// hashOf is how a policy names an inline element (CSP 3, 2.3.1).
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// render makes the whole page; everything in the report that came from outside is escaped by its place.
func (p *page) render(report *control.Report) ([]byte, error) {
	var b bytes.Buffer
	err := p.template.Execute(&b, newView(report))
	return b.Bytes(), err
}
