package configs

import "fmt"

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
