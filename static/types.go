package static

import (
	"mime"
	"path"
	"strings"
)

// unknownType is the type of files whose names say nothing about it: browsers offer to save them, and do not guess.
const unknownType = "application/octet-stream"

// webTypes come before the system's tables, because slim images have none and others are old.
var webTypes = map[string]string{
	".7z": "application/x-7z-compressed", ".apng": "image/apng", ".avif": "image/avif", ".bin": unknownType,
	".br": unknownType, ".bz2": "application/x-bzip2", ".css": "text/css", ".csv": "text/csv", ".eot": "application/vnd.ms-fontobject",
	".flac": "audio/flac", ".gif": "image/gif", ".gz": "application/gzip", ".htm": "text/html", ".html": "text/html",
	".ico": "image/x-icon", ".ics": "text/calendar", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".js": "text/javascript",
	".json": "application/json", ".jsonld": "application/ld+json", ".jxl": "image/jxl", ".m4a": "audio/mp4", ".map": "application/json",
	".md": "text/markdown", ".mjs": "text/javascript", ".mov": "video/quicktime", ".mp3": "audio/mpeg", ".mp4": "video/mp4",
	".oga": "audio/ogg", ".ogg": "audio/ogg", ".ogv": "video/ogg", ".opus": "audio/ogg", ".otf": "font/otf", ".pdf": "application/pdf",
	".png": "image/png", ".svg": "image/svg+xml", ".tar": "application/x-tar", ".tif": "image/tiff", ".tiff": "image/tiff",
	".ttf": "font/ttf", ".txt": "text/plain", ".vtt": "text/vtt", ".wasm": "application/wasm", ".wav": "audio/wav",
	".weba": "audio/webm", ".webm": "video/webm", ".webmanifest": "application/manifest+json", ".webp": "image/webp",
	".woff": "font/woff", ".woff2": "font/woff2", ".xhtml": "application/xhtml+xml", ".xml": "application/xml",
	".xz": "application/x-xz", ".zip": "application/zip", ".zst": "application/zstd",
}

// contentType chooses by the name's last extension: the mount's own table, ours, the system's. Text without another
// charset is UTF-8.
func contentType(own map[string]string, name string) string {
	extension := strings.ToLower(path.Ext(name))
	if chosen, ok := own[extension]; ok {
		return chosen
	}
	chosen, ok := webTypes[extension]
	if !ok && extension != "" {
		chosen = mime.TypeByExtension(extension)
	}
	switch {
	case chosen == "":
		return unknownType
	case strings.HasPrefix(chosen, "text/") && !strings.Contains(chosen, "charset="):
		return chosen + "; charset=utf-8"
	}
	return chosen
}
