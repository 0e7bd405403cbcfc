package static

import "strings"

// hasContentHash says whether a file's name carries a hash of its content, as Django's manifest (base.55e7cbb9ba48.css),
// webpack, Parcel and esbuild write it: 8 to 64 hexadecimal digits between dots or after a dash, before the extension.
// Letters and digits must both occur, so that no date and no version counts; a UUID does not count either, since it
// names a thing and not its content.
func hasContentHash(name string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
	dot := strings.IndexByte(base, '.')
	if dot <= 0 {
		return false
	}
	for _, part := range strings.Split(base[dot+1:], ".") {
		if part != base[strings.LastIndexByte(base, '.')+1:] && isHash(part) {
			return true
		}
	}
	stem := base[:dot]
	dash := strings.LastIndexAny(stem, "-_")
	return dash > 0 && isHash(stem[dash+1:]) && !isUUID(stem)
}

func isHash(text string) bool {
	letters, digits := false, false
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			digits = true
		case 'a' <= c && c <= 'f':
			letters = true
		default:
			return false
		}
	}
	return letters && digits && len(text) >= 8 && len(text) <= 64
}

// isUUID looks at the dashes only: 8-4-4-4-12 at the end.
func isUUID(stem string) bool {
	if len(stem) < 36 {
		return false
	}
	tail := stem[len(stem)-36:]
	return tail[8] == '-' && tail[13] == '-' && tail[18] == '-' && tail[23] == '-'
}
