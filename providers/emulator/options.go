package emulator

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Clock tells the time and wakes sleepers; tests inject their own.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Options say what kind of cloud to open. Only Dir is required.
type Options struct {
	// Dir holds everything the cloud remembers. It is created with mode 0700.
	Dir string
	// Listen is a TCP address ("127.0.0.1:5000", port 0 for any free one). Empty: the caller serves Handler itself.
	Listen string
	// Endpoint is the base URL that the service catalog and the links name, without a trailing slash. Empty: derived
	// from Listen, and without Listen from each request's Host header.
	Endpoint string
	// Machines boots the computers behind servers. Nil: servers become ACTIVE without a guest.
	Machines Machines
	// BuildDelay is how long a server stays in BUILD, and every other change of a server takes a tenth of it.
	BuildDelay time.Duration
	// VolumeDelay is how long a volume stays in creating, extending and deleting.
	VolumeDelay time.Duration
	// Quotas is "" or "unlimited", or "default" for the defaults of Nova, Cinder and Neutron, which may be followed by what is
	// to be otherwise: "default,instances=20,cores=40".
	Quotas string
	// Subnet is the private network's CIDR, from which ports get their addresses. Default 127.66.0.0/16.
	Subnet string
	// TokenLifetime is how long a token is valid. Default one hour, as Keystone's.
	TokenLifetime time.Duration
	// BootParallel bounds how many machines boot at the same time. Default 8.
	BootParallel int

	Clock Clock        // default: the system's clock
	Rand  io.Reader    // source of ids, tokens and passwords; default crypto/rand
	Log   hclog.Logger // default: nothing is logged

	quotas quotas // as Quotas says
}

// withDefaults checks the options and fills in what was left out.
func (o Options) withDefaults() (Options, netip.Prefix, error) {
	var none netip.Prefix
	if o.Dir == "" {
		return o, none, errors.New("opening the embedded cloud: no directory given")
	}
	abs, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, none, fmt.Errorf("resolving the directory %q: %w", o.Dir, err)
	}
	o.Dir = abs
	if o.Subnet == "" {
		o.Subnet = "127.66.0.0/16"
	}
	cidr, err := netip.ParsePrefix(o.Subnet)
	if err != nil {
		return o, none, fmt.Errorf("parsing the subnet: %w", err)
	}
	if !cidr.Addr().Is4() || cidr.Bits() > 28 {
		return o, none, fmt.Errorf("the subnet %s is not an IPv4 network of at least 16 addresses", cidr)
	}
	if o.quotas, err = parseQuotas(o.Quotas); err != nil {
		return o, none, err
	}
	if o.TokenLifetime <= 0 {
		o.TokenLifetime = time.Hour
	}
	if o.BootParallel <= 0 {
		o.BootParallel = 8
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return o, cidr.Masked(), nil
}
