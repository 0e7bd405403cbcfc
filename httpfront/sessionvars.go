package httpfront

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Names of variables of TLS, as Apache's mod_ssl has them and nginx's manual maps its own to them.
const (
	varProtocol   = "SSL_PROTOCOL"
	varCipher     = "SSL_CIPHER"
	varServerName = "SSL_TLS_SNI"
	varVerify     = "SSL_CLIENT_VERIFY"
	varSubject    = "SSL_CLIENT_S_DN"
	varCommonName = "SSL_CLIENT_S_DN_CN"
	varIssuer     = "SSL_CLIENT_I_DN"
	varSerial     = "SSL_CLIENT_M_SERIAL"
	varStart      = "SSL_CLIENT_V_START"
	varEnd        = "SSL_CLIENT_V_END"
	varCert       = "SSL_CLIENT_CERT"
)

// maxClientCert is the largest certificate of a client, in DER: each request of the connection carries it. Usual ones
// have 1 to 2 KiB.
const maxClientCert = 16 << 10

// errLargeClientCert: so large a certificate does not fit into the environ of every request.
var errLargeClientCert = errors.New("the client's certificate is larger than 16 KiB")

// certTime is how OpenSSL writes the times of a certificate.
const certTime = "Jan _2 15:04:05 2006 GMT"

// protocolNames are the names of TLS versions as OpenSSL has them.
var protocolNames = map[uint16]string{tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}

// cipherNames are OpenSSL's names of what TLS 1.2 may use here. Those of TLS 1.3 have one name everywhere.
var cipherNames = map[uint16]string{
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:         "ECDHE-RSA-AES128-GCM-SHA256",
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:         "ECDHE-RSA-AES256-GCM-SHA384",
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:   "ECDHE-RSA-CHACHA20-POLY1305",
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA:            "ECDHE-RSA-AES128-SHA",
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA:            "ECDHE-RSA-AES256-SHA",
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       "ECDHE-ECDSA-AES128-GCM-SHA256",
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       "ECDHE-ECDSA-AES256-GCM-SHA384",
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:          "ECDHE-ECDSA-AES128-SHA",
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:          "ECDHE-ECDSA-AES256-SHA",
}

// appendSessionVars appends what the application learns about a TLS session: the variables are those of every request
// of the connection. No client header can have these names, since those become HTTP_ variables.
func appendSessionVars(dst []byte, state *tls.ConnectionState) ([]byte, error) {
	dst = appendNamed(dst, varProtocol, protocolNames[state.Version])
	cipher, ok := cipherNames[state.CipherSuite]
	if !ok {
		cipher = tls.CipherSuiteName(state.CipherSuite)
	}
	dst = appendNamed(dst, varCipher, cipher)
	if name := state.ServerName; name != "" && isHost([]byte(name)) {
		dst = appendNamed(dst, varServerName, name)
	}
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return appendNamed(dst, varVerify, "NONE"), nil
	}
	return appendClientVars(appendNamed(dst, varVerify, "SUCCESS"), state.PeerCertificates[0])
}

// appendClientVars appends what is said about a client's certificate, which was verified.
func appendClientVars(dst []byte, cert *x509.Certificate) ([]byte, error) {
	if len(cert.Raw) > maxClientCert {
		return dst, errLargeClientCert
	}
	subject, err := parseName(cert.RawSubject)
	if err != nil {
		return dst, fmt.Errorf("subject of the client's certificate: %w", err)
	}
	issuer, err := parseName(cert.RawIssuer)
	if err != nil {
		return dst, fmt.Errorf("issuer of the client's certificate: %w", err)
	}
	dst = appendNamed(dst, varSubject, formatName(subject))
	if common, ok := commonName(subject); ok {
		dst = appendNamed(dst, varCommonName, common)
	}
	dst = appendNamed(dst, varIssuer, formatName(issuer))
	dst = appendNamed(dst, varSerial, fmt.Sprintf("%02X", cert.SerialNumber.Bytes()))
	dst = appendNamed(dst, varStart, cert.NotBefore.UTC().Format(certTime))
	dst = appendNamed(dst, varEnd, cert.NotAfter.UTC().Format(certTime))
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	return appendNamed(dst, varCert, strings.TrimSuffix(string(text), "\n")), nil
}

// appendNamed is appendVar for names without their length in front. What a certificate of maxClientCert can hold is
// shorter than maxVar, escaped too (\XX).
func appendNamed(dst []byte, name, value string) []byte {
	dst, _ = appendVar(dst, string([]byte{byte(len(name)), byte(len(name) >> 8)})+name, value)
	return dst
}
