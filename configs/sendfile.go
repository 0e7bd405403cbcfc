package configs

// Sendfile says which files the application may name instead of sending them itself.
type Sendfile struct {
	Roots map[string]string `yaml:"roots"` // URL prefix for X-Accel-Redirect -> directory
}

// sendfileDocs says what reflection cannot know about the keys of this file.
var sendfileDocs = map[string]keyDoc{
	"sendfile.roots": {doc: "Directories from which the application may have files sent, each with a prefix of its own: " +
		"`{/protected/: /srv/media}`. `X-Accel-Redirect: /protected/a.pdf` sends `/srv/media/a.pdf`, and so does " +
		"`X-Sendfile: /srv/media/a.pdf`. Clients cannot ask for these prefixes. Empty: both fields are passed on."},
}
