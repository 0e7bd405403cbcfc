package uwsgifront

import "penknife/requestids"

// identify gives the request its identifier: the one that the web server was told to send as REQUEST_ID, or the header's,
// if it can be taken, else a new one. The application finds it in REQUEST_ID.
//
// Usually that variable is missing and there is room for it behind the block, which nobody has used when no body came
// with the packet. A block that has to be copied is the exception. Of a REQUEST_ID that cannot be taken the later one,
// ours, counts.
func (c *conn) identify(found *cgi, received []byte) {
	r := &c.req
	if requestids.Valid(found.plainID) {
		r.RequestID = found.plainID
		return
	}
	var id []byte
	if found.headerIDs == 1 && requestids.Valid(found.headerID) {
		id = found.headerID
	}
	block := r.Vars
	if len(received) > 0 {
		c.vars = append(c.vars[:0], r.Vars...)
		block = c.vars
	}
	block, at := c.srv.ids.AppendVar(block, id, r.ID)
	if len(received) > 0 {
		c.vars = block
	}
	r.Vars, r.RequestID = block, block[at:]
}
