package configs

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// tls checks that what belongs together is there. Whether files can be read and fit is known when they are.
func (c *checker) tls() {
	for i, h := range c.loaded.Config.HTTP {
		path := fmt.Sprintf("http[%d].tls", i)
		t := h.TLS
		switch {
		case len(t.Key) > 0 && len(t.Certificate) == 0:
			c.complain(path+".key", "there is no certificate for it: set %s.certificate", path)
		case len(t.Key) != len(t.Certificate):
			c.complain(path+".certificate", "there are %d certificates and %d keys: each certificate needs its key, in the same order",
				len(t.Certificate), len(t.Key))
		case t.Enabled():
		case t.ClientCA != "" || t.ClientAuth != DefaultHTTP().TLS.ClientAuth || t.MinVersion != DefaultHTTP().TLS.MinVersion:
			c.complain(path, "says how to speak TLS, but there is no certificate: set certificate and key, or acme: true")
		}
	}
}

func (c *checker) tlsClient() {
	for i, h := range c.loaded.Config.HTTP {
		path := fmt.Sprintf("http[%d].tls", i)
		switch {
		case h.TLS.ClientAuth == ClientAuthOff && h.TLS.ClientCA != "":
			c.complain(path+".client_ca", "is not used: set client_auth to optional or required, or remove it")
		case h.TLS.ClientAuth != ClientAuthOff && h.TLS.ClientCA == "" && h.TLS.ClientAuth != "":
			c.complain(path+".client_auth", "certificates of clients are checked against %s.client_ca, which is not set", path)
		}
	}
}

// acme wants what an order needs, and somebody who uses the certificate.
func (c *checker) acme() {
	a := c.loaded.Config.ACME
	user := -1
	for i, h := range c.loaded.Config.HTTP {
		if h.TLS.ACME {
			user = i
		}
	}
	switch {
	case user < 0 && len(a.Domains) > 0:
		c.complain("acme.domains", "no listener uses the certificates: set acme: true in the tls section of one")
	case user >= 0 && len(a.Domains) == 0:
		c.complain(fmt.Sprintf("http[%d].tls.acme", user), "for which names? Set acme.domains")
	case user >= 0 && a.Storage == "":
		c.complain("acme.storage", "is not set, and certificates would be ordered at each start until the authority refuses: "+
			"name a directory that process.user may write to")
	}
	for _, name := range a.Domains {
		if reason := badDomain(name); reason != "" {
			c.complain("acme.domains", "%q %s", name, reason)
		}
	}
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		c.complain("acme.directory", "%q is not an https:// URL", a.Directory)
	}
	if strings.ContainsAny(a.Email, " \r\n\x00") || a.Email != "" && !strings.Contains(a.Email, "@") {
		c.complain("acme.email", "%q is not a mail address", a.Email)
	}
	c.acmeChallenge(user >= 0)
}

// acmeChallenge wants somebody whom a challenge over plain HTTP can reach.
func (c *checker) acmeChallenge(used bool) {
	if !used || c.loaded.Config.ACME.Challenge != ChallengeHTTP || len(c.loaded.Config.Uwsgi) > 0 {
		return
	}
	for _, h := range c.loaded.Config.HTTP {
		if !h.TLS.Enabled() {
			return
		}
	}
	c.complain("acme.challenge", "http-01 comes over plain HTTP to port 80, and no listener speaks that: add one, or use tls-alpn-01")
}

// badDomain says why there can be no certificate for a name, or nothing.
func badDomain(name string) string {
	if strings.HasPrefix(name, "*.") {
		return "is a wildcard, which neither challenge can prove: list the names, or use certificate files"
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "is an address, not a name"
	}
	if !strings.Contains(strings.Trim(name, "."), ".") || strings.HasSuffix(name, ".") || len(name) > 253 {
		return "is not a full domain name"
	}
	for _, label := range strings.Split(name, ".") {
		odd := func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
		}
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label || strings.ContainsFunc(label, odd) {
			return "is not a domain name: letters in lower case, digits and hyphens (other scripts as xn--)"
		}
	}
	return ""
}
