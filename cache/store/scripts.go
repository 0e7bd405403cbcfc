package store

import (
	"embed"

	"github.com/redis/rueidis"
)

//go:embed lua/*.lua
var luaFiles embed.FS

// scripts are what has to happen in Redis at once. They name keys that are not among KEYS (the versions of tags), so they
// need one Redis and not a cluster.
type scripts struct {
	put, incr, touch, remove, purgeTag *rueidis.Lua
}

func newScripts() (scripts, error) {
	var s scripts
	common, err := luaFiles.ReadFile("lua/common.lua")
	if err != nil {
		return s, err
	}
	for name, script := range map[string]**rueidis.Lua{
		"put": &s.put, "incr": &s.incr, "touch": &s.touch, "delete": &s.remove, "purgetag": &s.purgeTag,
	} {
		text, err := luaFiles.ReadFile("lua/" + name + ".lua")
		if err != nil {
			return s, err
		}
		*script = rueidis.NewLuaScript(string(common) + string(text))
	}
	return s, nil
}
