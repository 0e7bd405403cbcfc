// Package uwsgiproto is the codec of the uwsgi protocol: the four-byte packet header, the block of variables behind
// it, and the answer to a ping. It turns bytes into views and views into bytes, checks every length before it uses it,
// and names the byte at which something is wrong. It has no net, no logging, no goroutine, no lock and no state, and
// decoding allocates nothing unless it fails.
//
// A packet is
//
//	modifier1 (1 byte), size of the block (2 bytes, little-endian), modifier2 (1 byte), block
//
// and the block repeats (key length, 2 bytes little-endian; key; value length, likewise; value). Whatever follows the
// block on the connection is the request body; its length is the variable CONTENT_LENGTH.
package uwsgiproto
