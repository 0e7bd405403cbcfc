package configs

import (
	"fmt"
	"strings"
)

func (c *checker) uwsgiPublic() {
	for i, u := range c.loaded.Config.Uwsgi {
		if a, err := parseAddress(u.Listen); err == nil && a.isPublic() && len(u.AllowFrom) == 0 &&
			!c.judged(fmt.Sprintf("uwsgi[%d].allow_from", i)) {
			c.complain(fmt.Sprintf("uwsgi[%d].listen", i), "%s is public, and whoever reaches a uwsgi listener can forge "+
				"every variable: add allow_from with the addresses of the web servers, or use a unix socket or loopback",
				u.Listen)
		}
	}
}

func (c *checker) allowFromUnix() {
	refuse := func(path, listen string, lists map[string][]string) {
		if a, err := parseAddress(listen); err != nil || !a.unix {
			return
		}
		for name, list := range lists {
			if len(list) > 0 {
				c.complain(path+"."+name, "peers of a unix socket have no address: use mode, owner and group, and remove %s", name)
			}
		}
	}
	for i, h := range c.loaded.Config.HTTP {
		if !h.ProxyProtocol { // else addresses come with the connections
			refuse(fmt.Sprintf("http[%d]", i), h.Listen, map[string][]string{"allow_from": h.AllowFrom, "deny_from": h.DenyFrom})
		}
		refuse(fmt.Sprintf("http[%d]", i), h.Listen, map[string][]string{"proxy_protocol_from": h.ProxyProtocolFrom})
	}
	for i, u := range c.loaded.Config.Uwsgi {
		refuse(fmt.Sprintf("uwsgi[%d]", i), u.Listen, map[string][]string{"allow_from": u.AllowFrom, "deny_from": u.DenyFrom})
	}
}

// proxyProtocol wants the senders named: a header from anybody would be anybody's choice of an address. A socket that
// others open may turn out to be a unix socket, so that is judged when it is there.
func (c *checker) proxyProtocol() {
	for i, h := range c.loaded.Config.HTTP {
		a, err := parseAddress(h.Listen)
		path := fmt.Sprintf("http[%d].proxy_protocol", i)
		switch {
		case err != nil:
		case !h.ProxyProtocol && len(h.ProxyProtocolFrom) > 0:
			c.complain(path+"_from", "does nothing without proxy_protocol: true")
		case h.ProxyProtocol && len(h.ProxyProtocolFrom) == 0 && !a.unix && !a.passed && !c.judged(path+"_from"):
			c.complain(path, "needs proxy_protocol_from with the addresses of the load balancers: whoever sends such a header "+
				"chooses the client's address")
		}
	}
}

func (c *checker) networks() {
	for i, h := range c.loaded.Config.HTTP {
		path := fmt.Sprintf("http[%d].", i)
		c.networkList(path+"trusted_proxies", h.TrustedProxies, false)
		c.networkList(path+"proxy_protocol_from", h.ProxyProtocolFrom, false)
		c.networkList(path+"allow_from", h.AllowFrom, true)
		c.networkList(path+"deny_from", h.DenyFrom, true)
	}
	for i, u := range c.loaded.Config.Uwsgi {
		path := fmt.Sprintf("uwsgi[%d].", i)
		c.networkList(path+"allow_from", u.AllowFrom, true)
		c.networkList(path+"deny_from", u.DenyFrom, true)
	}
	for i, a := range c.loaded.Config.Access {
		path := fmt.Sprintf("access[%d].", i)
		c.networkList(path+"allow", a.Allow, true)
		c.networkList(path+"deny", a.Deny, true)
	}
}

// accessPath wants paths as they are compared: those that clients write otherwise are found by them, but not by others.
func (c *checker) accessPath() {
	seen := map[string]int{}
	for i, a := range c.loaded.Config.Access {
		path := fmt.Sprintf("access[%d].path", i)
		switch {
		case a.Path == "":
			c.complain(path, "is missing: write / for everything")
			continue
		case a.Path[0] != '/' || strings.Contains(a.Path, "//") || strings.Contains(a.Path+"/", "/./") || strings.Contains(a.Path+"/", "/../"):
			c.complain(path, "%q is not a path: write it from the first slash, without empty segments and dots, as in /admin/", a.Path)
		case strings.ContainsAny(a.Path, "?#%;\\\x00"):
			c.complain(path, "%q is compared with decoded paths: write it without escapes, query, parameters or backslash", a.Path)
		}
		prefix := strings.TrimRight(a.Path, "/")
		if first, twice := seen[prefix]; twice {
			c.complain(path, "%s is taken by access[%d]", a.Path, first)
		}
		seen[prefix] = i
	}
}

func (c *checker) accessLists() {
	for i, a := range c.loaded.Config.Access {
		if path := fmt.Sprintf("access[%d]", i); len(a.Allow)+len(a.Deny) == 0 && !c.judged(path+".allow") && !c.judged(path+".deny") {
			c.complain(path+".allow", "is missing, and so is deny: write allow: [all] for a path that is open to everybody")
		}
	}
}

// everybody is the entry of a list of who may do something that names all.
const everybody = "all"

// networkList judges a list of addresses and networks; takesAll says that "all" may be one of them.
func (c *checker) networkList(path string, list []string, takesAll bool) {
	for _, text := range list {
		if takesAll && text == everybody {
			continue
		}
		if err := checkNetwork(text); err != nil {
			c.complain(path, "%v", err)
		}
	}
}
