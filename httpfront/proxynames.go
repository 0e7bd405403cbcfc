package httpfront

// proxyNames are the fields, in lower case and by length, that proxies set about their client and that software behind
// them believes: its address, the scheme, host and path that it asked for, and who it is. X-Forwarded-* and what begins
// like it are among them without being listed.
var proxyNames = func() (byLength [32][]string) { // longer names are not looked up
	for _, name := range []string{
		"forwarded",
		"client-ip", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-original-forwarded-for", "true-client-ip",
		"cf-connecting-ip", "cf-connecting-ipv6", "fastly-client-ip", "x-envoy-external-address",
		"x-host", "x-original-host", "x-scheme", "x-url-scheme", "x-https", "front-end-https",
		"x-script-name", "x-original-url", "x-original-uri", "x-rewrite-url",
		"remote-user", "x-remote-user",
	} {
		byLength[len(name)] = append(byLength[len(name)], name)
	}
	return byLength
}()

// isForwardedName tells whether only trusted peers may send the field.
func isForwardedName(name []byte) bool {
	switch name[0] | 0x20 {
	case 'x':
		if hasPrefixFold(name, "x-forwarded") {
			return true
		}
	case 'c', 'f', 'r', 't':
	default:
		return false
	}
	if len(name) >= len(proxyNames) {
		return false
	}
	for _, known := range proxyNames[len(name)] {
		if equalFold(name, known) {
			return true
		}
	}
	return false
}
