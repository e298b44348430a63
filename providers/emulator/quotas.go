package emulator

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

const (
	quotasUnlimited = "unlimited"
	quotasDefault   = "default"
)

// quotas are the limits of a project, by the services' own names of what they limit.
type quotas map[string]int

// defaultQuotas are those of nova/conf/quota.py, cinder/quota.py and neutron/conf/quota.py with its extensions. RAM is in MiB.
var defaultQuotas = quotas{
	"instances": 10, "cores": 20, "ram": 50 * 1024, "key_pairs": 100, "metadata_items": 128, "server_groups": 10, "server_group_members": 10,
	"volumes": 10, "gigabytes": 1000, "snapshots": 10, "backups": 10, "backup_gigabytes": 1000, "groups": 10,
	"network": 100, "subnet": 100, "port": 500, "security_group": 10, "security_group_rule": 100, "floatingip": 50, "router": 10, "rbac_policy": 10,
}

// parseQuotas reads "unlimited", or "default" with what is to be otherwise: "default,instances=20,cores=40".
func parseQuotas(text string) (quotas, error) {
	kind, others, _ := strings.Cut(text, ",")
	switch kind {
	case "", quotasUnlimited:
		if others == "" {
			return quotas{}, nil
		}
	case quotasDefault:
		all := maps.Clone(defaultQuotas)
		for _, one := range strings.FieldsFunc(others, func(r rune) bool { return r == ',' }) {
			name, number, _ := strings.Cut(one, "=")
			n, err := strconv.Atoi(number)
			if _, known := all[name]; !known || err != nil {
				return nil, fmt.Errorf("unknown quota %q: say the name and the number, as in instances=20", one)
			}
			all[name] = n
		}
		return all, nil
	}
	return nil, fmt.Errorf("unknown quotas %q: say %q, %q, or %q", text, quotasUnlimited, quotasDefault, quotasDefault+",instances=20")
}

// limit is a quota's number: -1 where there is none.
func (q quotas) limit(name string) int {
	if n, limited := q[name]; limited {
		return n
	}
	return -1
}

// fits tells whether a project may have n of something.
func (q quotas) fits(name string, n int) bool { return q.limit(name) < 0 || n <= q.limit(name) }
