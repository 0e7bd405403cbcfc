package testkit

import (
	"encoding/binary"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

func (c *Call) fill() {
	if c.Method == "" {
		c.Method = "GET"
	}
	if c.Target == "" {
		c.Target = "/"
	}
	if c.Proto == "" {
		c.Proto = "HTTP/1.1"
	}
}

// hasHeader tells whether the call brings a header itself.
func (c *Call) hasHeader(name string) bool {
	for _, line := range c.Headers {
		if key, _, _ := strings.Cut(line, ":"); strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// encodeHTTP writes the request, with Host, Content-Length and "Connection: close" unless the call has its own.
func encodeHTTP(c Call) []byte {
	c.fill()
	text := []byte(c.Method + " " + c.Target + " " + c.Proto + "\r\n")
	if !c.hasHeader("Host") && c.Proto != "HTTP/1.0" {
		text = append(text, "Host: penknife.test\r\n"...)
	}
	if !c.hasHeader("Connection") {
		text = append(text, "Connection: close\r\n"...)
	}
	if c.Body != nil && !c.hasHeader("Content-Length") && !c.hasHeader("Transfer-Encoding") {
		text = append(text, "Content-Length: "+strconv.Itoa(len(c.Body))+"\r\n"...)
	}
	for _, line := range c.Headers {
		text = append(text, line+"\r\n"...)
	}
	return append(append(text, "\r\n"...), c.Body...)
}

// encodeUwsgi writes the packet that nginx 1.22 with its stock uwsgi_params sends for such a request: header, var
// block, body. The layout is uWSGI's protocol page: modifier1, size LE16, modifier2, then key and value each with
// an LE16 length before it.
func encodeUwsgi(c Call) []byte {
	c.fill()
	path, query, _ := strings.Cut(c.Target, "?")
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	length := ""
	if c.Body != nil {
		length = strconv.Itoa(len(c.Body))
	}
	contentType := ""
	var block []byte
	for _, line := range c.Headers {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if strings.EqualFold(name, "Content-Type") {
			contentType = value
		}
		if strings.EqualFold(name, "Content-Length") {
			length = value
		}
		block = appendPair(block, "HTTP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_")), value)
	}
	if !c.hasHeader("Host") {
		block = appendPair(block, "HTTP_HOST", "penknife.test")
	}
	for _, pair := range [][2]string{
		{"QUERY_STRING", query}, {"REQUEST_METHOD", c.Method}, {"CONTENT_TYPE", contentType}, {"CONTENT_LENGTH", length},
		{"REQUEST_URI", c.Target}, {"PATH_INFO", path}, {"DOCUMENT_ROOT", "/usr/share/nginx/html"},
		{"SERVER_PROTOCOL", c.Proto}, {"REQUEST_SCHEME", "http"}, {"REMOTE_ADDR", "127.0.0.1"},
		{"REMOTE_PORT", "40000"}, {"SERVER_PORT", "80"}, {"SERVER_NAME", "penknife.test"},
	} {
		block = appendPair(block, pair[0], pair[1])
	}
	for _, pair := range c.Vars {
		key, value, _ := strings.Cut(pair, "=")
		block = appendPair(block, key, value)
	}
	return append(UwsgiPacket(0, 0, block), c.Body...)
}

// UwsgiPacket puts the 4-byte header before a var block.
func UwsgiPacket(modifier1, modifier2 byte, block []byte) []byte {
	if len(block) > 0xffff {
		panic(fmt.Sprintf("a var block of %d bytes has no packet", len(block)))
	}
	packet := []byte{modifier1, 0, 0, modifier2}
	binary.LittleEndian.PutUint16(packet[1:], uint16(len(block)))
	return append(packet, block...)
}

func appendPair(block []byte, key, value string) []byte {
	block = binary.LittleEndian.AppendUint16(block, uint16(len(key)))
	block = append(block, key...)
	block = binary.LittleEndian.AppendUint16(block, uint16(len(value)))
	return append(block, value...)
}

// Encode gives a call as the client would send it, for who writes to a connection itself.
func (c Client) Encode(call Call) []byte { return c.encode(call) }
