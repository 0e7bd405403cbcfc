package configs

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sendfileRoots checks prefixes and directories; relative ones would move with app.chdir.
func (c *checker) sendfileRoots() {
	roots := c.loaded.Config.Sendfile.Roots
	for _, prefix := range slices.Sorted(maps.Keys(roots)) {
		path := "sendfile.roots." + prefix
		if len(prefix) < 2 || prefix[0] != '/' || prefix[len(prefix)-1] != '/' || strings.Contains(prefix, "//") ||
			strings.ContainsAny(prefix, "?#%\\\x00") {
			c.complain(path, "%q is not a prefix of paths: write it with a slash at both ends, as in /protected/", prefix)
			continue
		}
		root := roots[prefix]
		if !filepath.IsAbs(root) {
			c.complain(path, "%q is not an absolute path", root)
			continue
		}
		if info, err := os.Stat(root); err != nil {
			c.complain(path, "%v", err)
		} else if !info.IsDir() {
			c.complain(path, "%s is not a directory", root)
		}
	}
}
