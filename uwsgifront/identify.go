package uwsgifront

import (
	"penknife/requestids"
	"penknife/uwsgiproto"
)

// identify gives the request its identifier: the web server's, in the header's variable or in REQUEST_ID, if it can be
// taken, else a new one. The application gets it in the header's variable.
//
// Usually that variable is missing and there is room for it behind the block, which nobody has used when no body came
// with the packet. A block that has to be copied, or loses a variable that is no identifier, is the exception.
func (c *conn) identify(found *cgi, received []byte) {
	r, ids := &c.req, c.srv.ids
	if found.headerIDs == 1 && requestids.Valid(found.headerID) {
		r.RequestID = found.headerID
		return
	}
	id := found.plainID
	if !requestids.Valid(id) {
		id = nil
	}
	block := r.Vars
	switch {
	case found.headerIDs > 0:
		c.vars = appendWithout(c.vars[:0], r.Vars, ids)
		block = c.vars
	case len(received) > 0:
		c.vars = append(c.vars[:0], r.Vars...)
		block = c.vars
	}
	block, at := ids.AppendVar(block, id, r.ID)
	if found.headerIDs > 0 || len(received) > 0 {
		c.vars = block
	}
	r.Vars, r.RequestID = block, block[at:]
}

// appendWithout copies a block that was checked, but for the identifier's variable.
func appendWithout(dst []byte, block uwsgiproto.Vars, ids *requestids.Source) []byte {
	for len(block) > 0 {
		key, _, rest, err := block.Next()
		if err != nil {
			break // it was scanned before
		}
		if !ids.IsVariable(key) {
			dst = append(dst, block[:len(block)-len(rest)]...)
		}
		block = rest
	}
	return dst
}
