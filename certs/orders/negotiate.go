package orders

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
)

var (
	errNoChallenge = errors.New("the authority does not offer this challenge")
	errRootCA      = errors.New("there is no certificate in it")
)

// answerTime bounds one question to the authority.
const answerTime = 30 * time.Second

// proofs are the answers to challenges that are under way.
type proofs struct {
	certs map[string]*tls.Certificate // by name
	pages map[string][]byte           // by path
}

func newProofs() proofs {
	return proofs{certs: map[string]*tls.Certificate{}, pages: map[string][]byte{}}
}

// newClient makes a client without a key.
func newClient(options Options, version string) (*acme.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone() // with the proxies of the environment
	transport.DisableKeepAlives = true                           // between two renewals there are months
	if options.RootCA != "" {
		text, err := os.ReadFile(options.RootCA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: %w", options.RootCA, errRootCA)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &acme.Client{
		HTTPClient: &http.Client{Transport: transport, Timeout: answerTime}, DirectoryURL: options.Directory,
		UserAgent: "penknife/" + version,
	}, nil
}

// negotiate goes through an order, and gives key and certificate in PEM.
func (m *Manager) negotiate(ctx context.Context, client *acme.Client, options Options, domain string) ([]byte, error) {
	account := &acme.Account{}
	if options.Email != "" {
		account.Contact = []string{"mailto:" + options.Email}
	}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, fmt.Errorf("account: %w", err)
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(domain))
	if err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	for _, url := range order.AuthzURLs {
		if err := m.prove(ctx, client, options, url); err != nil {
			return nil, err
		}
	}
	return finish(ctx, client, order.URI, domain)
}

// finish takes the certificate of an order whose names are proven, with a new key.
func finish(ctx context.Context, client *acme.Client, url, domain string) ([]byte, error) {
	order, err := client.WaitOrder(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{domain}}, key)
	if err != nil {
		return nil, err
	}
	chain, _, err := client.CreateCertFromOrder(ctx, order, request, true)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return encode(key, chain)
}

// prove shows that a name leads here.
func (m *Manager) prove(ctx context.Context, client *acme.Client, options Options, url string) error {
	authz, err := client.GetAuthorization(ctx, url)
	if err != nil {
		return fmt.Errorf("authorization: %w", err)
	}
	if authz.Status == acme.StatusValid {
		return nil // proven a while ago
	}
	challenge, err := pick(authz, options.HTTP)
	if err != nil {
		return err
	}
	withdraw, err := m.present(client, challenge, authz.Identifier.Value)
	if err != nil {
		return err
	}
	defer withdraw()
	if _, err := client.Accept(ctx, challenge); err != nil {
		return fmt.Errorf("challenge: %w", err)
	}
	if _, err := client.WaitAuthorization(ctx, url); err != nil {
		return fmt.Errorf("challenge %s: %w", challenge.Type, err)
	}
	return nil
}

// pick gives the challenge by which names are proven here.
func pick(authz *acme.Authorization, overHTTP bool) (*acme.Challenge, error) {
	kind := "tls-alpn-01"
	if overHTTP {
		kind = "http-01"
	}
	var offered []string
	for _, one := range authz.Challenges {
		if one.Type == kind {
			return one, nil
		}
		offered = append(offered, one.Type)
	}
	return nil, fmt.Errorf("%w: %s, but %s", errNoChallenge, kind, strings.Join(offered, ", "))
}

// present lets listeners answer a challenge, until withdraw.
func (m *Manager) present(client *acme.Client, challenge *acme.Challenge, domain string) (withdraw func(), err error) {
	if challenge.Type == "http-01" {
		text, err := client.HTTP01ChallengeResponse(challenge.Token)
		if err != nil {
			return nil, err
		}
		path := client.HTTP01ChallengePath(challenge.Token)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.proofs.pages[path] = []byte(text)
		return func() { m.withdraw(func() { delete(m.proofs.pages, path) }) }, nil
	}
	cert, err := client.TLSALPN01ChallengeCert(challenge.Token, domain)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.proofs.certs[domain] = &cert
	return func() { m.withdraw(func() { delete(m.proofs.certs, domain) }) }, nil
}

func (m *Manager) withdraw(remove func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	remove()
}

// encode writes key and certificates one behind the other.
func encode(key crypto.Signer, chain [][]byte) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for _, cert := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	}
	return text, nil
}

// parse is the opposite of encode.
func parse(text []byte) (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, err
	}
	if len(cert.Leaf.DNSNames) == 0 {
		return nil, errNoName
	}
	return &cert, nil
}

var errNoName = errors.New("the certificate has no name")
