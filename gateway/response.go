package gateway

import (
	"io"
	"os"
)

// Body is a response body that the front end pulls. The holder of the Response calls CloseWithError exactly once: with
// nil after reading to io.EOF or when the rest is not wanted (HEAD), with the reason when the client could not take it.
// Closing releases the worker, descriptors and buffers behind it. Read may block for the application, and its error is
// io.EOF at a true end; any other error (an *Error) means that the answer is cut and the client must be able to tell:
// no last chunk, connection closed.
type Body interface {
	io.Reader
	CloseWithError(err error)
}

// Windowed is a Body whose bytes can be used where they lie, without a copy. Next gives the bytes that are there, at
// least one, and blocks and fails as Read does; they may be shared memory: never write to them. Advance says how many
// of them are done with; they are then gone, and so is the slice. Read and Next may be mixed.
type Windowed interface {
	Body
	Next() ([]byte, error)
	Advance(n int)
}

// Response is an answer whose head is known. It stays valid until its Body is closed.
type Response struct {
	// Status is the three-digit code; Reason the phrase, without line breaks, possibly empty.
	Status int
	Reason []byte

	// Fields is the header block as text, each line "Name: value\r\n", checked: names are RFC 9110 tokens, values
	// have no CR, LF or NUL. It has no hop-by-hop field; framing (Content-Length of an answer that lacks it,
	// Transfer-Encoding, Connection) and Date are the front end's.
	Fields []byte

	// Length is the number of body bytes to come, -1 when only the end will tell. It is the length that the
	// application declared, or the true one when the engine holds the complete body.
	Length int64

	// Whole is the complete body when the engine already has it; Body then only needs closing. It may be shared
	// memory: read it before closing Body, and never write to it.
	Whole []byte

	// File, when not nil, is the body: Length bytes from Offset. The front end may use sendfile. Body closes it.
	File   *os.File
	Offset int64

	// Body is never nil.
	Body Body
}
