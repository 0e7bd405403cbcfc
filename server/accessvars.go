package server

import "penknife/uwsgiproto"

// accessFields are the values that the combined format wants and a Request has no view of.
type accessFields struct{ user, referer, agent []byte }

// findAccessFields walks the variables once, up to the first that is broken. When a key occurs twice, the later one
// wins.
func findAccessFields(vars uwsgiproto.Vars) accessFields {
	var fields accessFields
	for len(vars) > 0 {
		key, value, rest, err := vars.Next()
		if err != nil {
			break // the front end has said what is wrong with the block
		}
		switch string(key) {
		case "REMOTE_USER":
			fields.user = value
		case "HTTP_REFERER":
			fields.referer = value
		case "HTTP_USER_AGENT":
			fields.agent = value
		}
		vars = rest
	}
	return fields
}
