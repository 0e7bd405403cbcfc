package httpfront

import "penknife/gateway"

// pieceReader reads a response body piece by piece: in place if the body is gateway.Windowed, else copied into a block
// of the server's pool.
type pieceReader struct {
	srv    *Server
	body   gateway.Body
	window gateway.Windowed // nil: use block
	block  *[]byte
}

func (s *Server) pieces(body gateway.Body) pieceReader {
	if window, ok := body.(gateway.Windowed); ok {
		return pieceReader{srv: s, body: body, window: window}
	}
	return pieceReader{srv: s, body: body, block: s.blocks.Get().(*[]byte)}
}

// next gives the next bytes, at most limit if that is positive. They are valid until done.
func (p *pieceReader) next(limit int64) ([]byte, error) {
	if p.window != nil {
		b, err := p.window.Next()
		if limit > 0 && int64(len(b)) > limit {
			b = b[:limit]
		}
		return b, err
	}
	b := *p.block
	if limit > 0 && limit < int64(len(b)) {
		b = b[:limit]
	}
	n, err := readSome(p.body, b)
	return b[:n], err
}

func (p *pieceReader) done(n int) {
	if p.window != nil {
		p.window.Advance(n)
	}
}

func (p *pieceReader) close() {
	if p.block != nil {
		p.srv.blocks.Put(p.block)
	}
}
