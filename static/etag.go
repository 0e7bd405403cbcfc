package static

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// contentTag is the strong entity tag of bytes that are at hand. It is the same on every machine and after a deploy
// that changed only times.
func contentTag(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
}

// timesTag is the entity tag of a file that is too large to be read for it. It is weak while another change could leave
// the same times behind (RFC 9110 section 8.8.1). A time that says nothing is replaced by the inode's.
func timesTag(id identity, now time.Time) string {
	tag := `"` + strconv.FormatInt(id.modified, 36) + "-" + strconv.FormatInt(id.size, 36)
	if !id.dated() {
		tag += "-" + strconv.FormatInt(id.changed, 36)
	}
	tag += `"`
	if now.UnixNano()-id.modified < int64(settleLarge) {
		return "W/" + tag
	}
	return tag
}
