package configs

// TLS is how an HTTP listener speaks TLS. Without a certificate and without ACME it speaks plain HTTP.
type TLS struct {
	Certificate []string `yaml:"certificate"` // PEM files, each with its chain
	Key         []string `yaml:"key"`         // PEM files, one for each certificate, in the same order
	ACME        bool     `yaml:"acme"`        // certificates of the acme section, too
	ClientCA    string   `yaml:"client_ca"`   // PEM file
	ClientAuth  string   `yaml:"client_auth"`
	MinVersion  string   `yaml:"min_version"`
}

// ACME says how certificates are had from an authority. One account serves all listeners with tls.acme.
type ACME struct {
	Domains   []string `yaml:"domains"`
	Email     string   `yaml:"email"`
	Directory string   `yaml:"directory"`
	Storage   string   `yaml:"storage"`   // a directory
	Challenge string   `yaml:"challenge"` // one of the Challenge constants
	RootCA    string   `yaml:"root_ca"`   // PEM file, for an authority of one's own
}

// The values of tls.client_auth.
const (
	ClientAuthOff      = "off"
	ClientAuthOptional = "optional"
	ClientAuthRequired = "required"
)

// The values of tls.min_version.
const (
	TLS12 = "1.2"
	TLS13 = "1.3"
)

// The values of acme.challenge.
const (
	ChallengeTLS  = "tls-alpn-01"
	ChallengeHTTP = "http-01"
)

// LetsEncrypt is the directory of the authority that most use.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// Enabled says that the listener speaks TLS.
func (t TLS) Enabled() bool { return len(t.Certificate) > 0 || t.ACME }

// DefaultHTTP gives an entry of http before anything was set.
func DefaultHTTP() HTTP { return HTTP{TLS: TLS{ClientAuth: ClientAuthOff, MinVersion: TLS12}} }

func defaultACME() ACME { return ACME{Directory: LetsEncrypt, Challenge: ChallengeTLS} }

// tlsDocs says what reflection cannot know about the keys of this file.
var tlsDocs = map[string]keyDoc{
	"http.tls.certificate": {single: true, doc: "A PEM file with a certificate and, behind it, those between it and the authority " +
		"(certbot: `fullchain.pem`); the listener speaks HTTPS then. Several, as a list: the client's SNI and its algorithms " +
		"choose, the first one is for who names none of them. Files that change are read again at the next handshake, without a reload. See [tls.md](tls.md)."},
	"http.tls.key": {single: true, doc: "The PEM file with the private key of the certificate, without a passphrase; as many " +
		"as certificates, in the same order. `process.user` must be able to read it, since it is read again when it changes."},
	"http.tls.acme":      {doc: "Serve the certificates of the `acme` section here, beside those of `certificate`."},
	"http.tls.client_ca": {doc: "A PEM file with the authorities whose certificates clients may show. Read again when it changes."},
	"http.tls.client_auth": {choices: []string{ClientAuthOff, ClientAuthOptional, ClientAuthRequired}, doc: "Whether clients are " +
		"asked for a certificate. `required`: who shows none has no connection. Either way one that does not come from " +
		"`client_ca` or has expired ends the handshake. The application finds it in `SSL_CLIENT_*` ([tls.md](tls.md#client-certificates))."},
	"http.tls.min_version": {choices: []string{TLS12, TLS13}, doc: "The oldest version of TLS that is spoken. There is none below 1.2."},
}

// acmeDocs says what reflection cannot know about the keys of the acme section.
var acmeDocs = map[string]keyDoc{
	"acme.domains": {doc: "The names to have certificates for, one certificate each. They must lead to this machine. " +
		"Wildcards need another way (a certificate file)."},
	"acme.email": {doc: "Whom the authority may write to about the account. Empty: nobody."},
	"acme.directory": {doc: "The URL of the authority's directory. For trials: " +
		"`https://acme-staging-v02.api.letsencrypt.org/directory`, whose limits are wide and whose certificates nobody trusts."},
	"acme.storage": {doc: "The directory for the account's key and the certificates, writable by `process.user` alone. It is " +
		"made if it is not there. Lose it, and all certificates are ordered anew, which authorities limit."},
	"acme.challenge": {choices: []string{ChallengeTLS, ChallengeHTTP}, doc: "How the authority sees that a name leads here: " +
		"by a handshake on port 443 (`tls-alpn-01`), or by a request over plain HTTP on port 80 (`http-01`), which any listener without TLS " +
		"answers, also behind a proxy."},
	"acme.root_ca": {doc: "A PEM file with what the directory's own certificate is checked against, for an authority of your own " +
		"(step-ca, Pebble). Empty: what the system trusts."},
}
