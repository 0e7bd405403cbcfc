package cache

// namesUser knows the variables in which a web server names the user that it has authenticated.
func namesUser(key []byte) bool {
	switch string(key) {
	case "REMOTE_USER", "SSL_CLIENT_S_DN", "SSL_CLIENT_CERT":
		return true
	}
	return false
}

// isCredential knows the fields that say who asks: Authorization, and those that proxies, identity services and APIs use for
// the same. RFC 9111 section 3.5 knows the first one only; an answer for one user is no more everybody's if another field said
// who it is.
func isCredential(key []byte) bool {
	switch key[5] {
	case 'A', 'C', 'P', 'R', 'S', 'X':
	default:
		return false
	}
	switch string(key) {
	case "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION", "HTTP_REMOTE_USER", "HTTP_API_KEY", "HTTP_APIKEY",
		"HTTP_CF_ACCESS_JWT_ASSERTION", "HTTP_SSL_CLIENT_S_DN", "HTTP_SSL_CLIENT_CERT",
		"HTTP_X_ACCESS_TOKEN", "HTTP_X_AMZN_OIDC_ACCESSTOKEN", "HTTP_X_AMZN_OIDC_DATA", "HTTP_X_AMZN_OIDC_IDENTITY",
		"HTTP_X_API_KEY", "HTTP_X_APIKEY", "HTTP_X_AUTH_REQUEST_ACCESS_TOKEN", "HTTP_X_AUTH_REQUEST_EMAIL",
		"HTTP_X_AUTH_REQUEST_USER", "HTTP_X_AUTH_TOKEN", "HTTP_X_AUTHENTICATED_USER", "HTTP_X_AUTHENTICATED_USERID",
		"HTTP_X_CLIENT_CERT", "HTTP_X_FORWARDED_ACCESS_TOKEN", "HTTP_X_FORWARDED_CLIENT_CERT", "HTTP_X_FORWARDED_EMAIL",
		"HTTP_X_FORWARDED_PREFERRED_USERNAME", "HTTP_X_FORWARDED_USER", "HTTP_X_GOOG_AUTHENTICATED_USER_EMAIL",
		"HTTP_X_GOOG_IAP_JWT_ASSERTION", "HTTP_X_MS_CLIENT_PRINCIPAL", "HTTP_X_REMOTE_USER", "HTTP_X_SSL_CLIENT_CERT",
		"HTTP_X_SSL_CLIENT_S_DN", "HTTP_X_USER", "HTTP_X_WEBAUTH_USER":
		return true
	}
	return false
}
