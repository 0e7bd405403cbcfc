package configs

// Admin is the listener for /metrics and health.
type Admin struct {
	Listen string `yaml:"listen"` // empty: none
}

// adminDocs says what reflection cannot know about the keys of this file.
var adminDocs = map[string]keyDoc{
	"admin.listen": {flag: "admin", doc: "Address of the admin listener, such as `127.0.0.1:9191`. Empty: none, so " +
		"that two instances on one machine never collide. It has no access control: keep it private."},
}
