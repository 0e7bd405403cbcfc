package encryption

import (
	"crypto/tls"

	"penknife/certs"
	"penknife/certs/orders"
	"penknife/configs"
)

// certOptions are those of one listener.
func certOptions(cfg configs.TLS) certs.Options {
	o := certs.Options{ClientCA: cfg.ClientCA, Ordered: cfg.ACME, MinVersion: tls.VersionTLS12}
	if cfg.MinVersion == configs.TLS13 {
		o.MinVersion = tls.VersionTLS13
	}
	switch cfg.ClientAuth {
	case configs.ClientAuthOptional:
		o.ClientAuth = tls.VerifyClientCertIfGiven
	case configs.ClientAuthRequired:
		o.ClientAuth = tls.RequireAndVerifyClientCert
	}
	for i, cert := range cfg.Certificate {
		o.Pairs = append(o.Pairs, certs.Pair{Certificate: cert, Key: cfg.Key[i]})
	}
	return o
}

// orderOptions are those of the acme section.
func orderOptions(cfg configs.ACME) orders.Options {
	return orders.Options{
		Domains: cfg.Domains, Email: cfg.Email, Directory: cfg.Directory, Storage: cfg.Storage,
		HTTP: cfg.Challenge == configs.ChallengeHTTP, RootCA: cfg.RootCA,
	}
}

// ordersCertificates tells whether a listener shows certificates of the acme section.
func ordersCertificates(cfg configs.Config) bool {
	for _, h := range cfg.HTTP {
		if h.TLS.ACME {
			return true
		}
	}
	return false
}
