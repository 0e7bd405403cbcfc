package server

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"penknife/configs"
	"penknife/sockets"
)

// Two packages read addresses, since the bottom row imports nothing of itself. They must not differ about any.
func TestConfigsAndSocketsReadTheSameAddresses(t *testing.T) {
	for _, text := range []string{
		"127.0.0.1:8000", ":8000", "[::1]:8000", "localhost:1", "example.org:1", "0.0.0.0:0", "unix:/run/a.sock", "unix:@a",
		"unix:a.sock", "8000", "127.0.0.1", "::1", "/run/a.sock", "./a.sock", "../a:1", "a.sock", "/", "http://127.0.0.1:8000", "*:80", "a b:80",
		"127.0.0.1:65536", "127.0.0.1:http", "127.0.0.1:-1", "unix:", "unix:@", "a/b:80", "[::1]", "127.0.0.1:", "fd://3",
		"unix:/" + string(make([]byte, 3)), "127.0.0.1:080",
		"systemd:web", "systemd:", "systemd:a:b", "systemd:a b", "fd:3", "fd:2", "fd:x", "fd:", "fd:99999",
	} {
		loaded, configsErr := configs.Load(configs.Options{
			Settings: []configs.Setting{
				{Path: "app.wsgi", Name: "argument", Values: []string{"a:app"}},
				{Path: "http", Name: "--http", Values: []string{text}},
			},
		})
		if configsErr == nil {
			text = loaded.Config.HTTP[0].Listen // a path alone is spelled out
		}
		_, socketsErr := sockets.Parse(text)
		if (socketsErr == nil) != (configsErr == nil) {
			t.Errorf("%q: configs says %v, sockets %v (%v)", text, configsErr, socketsErr, loaded.Config.HTTP)
		}
	}
}

func TestConfigsAndSocketsReadTheSameNetworks(t *testing.T) {
	for _, text := range []string{
		"10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0", "::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "10.0.0.1/8",
		"10.0.0.0/33", "fe80::1%eth0", "localhost", "10.0.0", "", "*", "10.0.0.0/8 ", "fe80::%1/64",
	} {
		_, socketsErr := sockets.ParseSet([]string{text})
		file := filepath.Join(t.TempDir(), "a.yaml")
		content := fmt.Sprintf("app: {wsgi: a}\nhttp: [{listen: ':1', trusted_proxies: [%q]}]\n", text)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, configsErr := configs.Load(configs.Options{File: file})
		if (socketsErr == nil) != (configsErr == nil) {
			t.Errorf("%q: configs says %v, sockets %v", text, configsErr, socketsErr)
		}
	}
}
