package providertest

import (
	"context"

	"github.com/trovectl/trovectl/providers"
)

// carrier is a service whose objects carry a mark, seen the same way for all.
type carrier struct {
	call   string
	create func(k *kit, mark providers.Mark) (id string, got providers.Mark, err error)
	get    func(k *kit, id string) (providers.Mark, error)
	list   func(k *kit) (map[string]providers.Mark, error)
	remove func(k *kit, id string) error
}

var carriers = []carrier{
	{
		call: "create server",
		create: func(k *kit, mark providers.Mark) (string, providers.Mark, error) {
			spec := k.spec(k.port().ID)
			spec.Mark = mark
			made, err := k.Cloud.Servers.Create(k.ctx, spec)
			return made.ID, made.Mark, err
		},
		get: func(k *kit, id string) (providers.Mark, error) {
			got, err := k.Cloud.Servers.Get(k.ctx, id)
			return got.Mark, err
		},
		list: func(k *kit) (map[string]providers.Mark, error) {
			all, err := k.Cloud.Servers.List(k.ctx)
			return marksOf(all, func(s providers.Server) (string, providers.Mark) { return s.ID, s.Mark }), err
		},
		remove: func(k *kit, id string) error { return k.Cloud.Servers.Delete(k.ctx, id) },
	},
	{
		call: "create volume",
		create: func(k *kit, mark providers.Mark) (string, providers.Mark, error) {
			made, err := k.Cloud.Volumes.Create(k.ctx, providers.VolumeSpec{Mark: mark, Name: "marked", SizeGiB: 1, Type: k.VolumeType})
			return made.ID, made.Mark, err
		},
		get: func(k *kit, id string) (providers.Mark, error) {
			got, err := k.Cloud.Volumes.Get(k.ctx, id)
			return got.Mark, err
		},
		list: func(k *kit) (map[string]providers.Mark, error) {
			all, err := k.Cloud.Volumes.List(k.ctx)
			return marksOf(all, func(v providers.Volume) (string, providers.Mark) { return v.ID, v.Mark }), err
		},
		remove: func(k *kit, id string) error {
			k.waitVolume(id, "available")
			return k.Cloud.Volumes.Delete(k.ctx, id)
		},
	},
	{
		call: "create port",
		create: func(k *kit, mark providers.Mark) (string, providers.Mark, error) {
			made, err := k.Cloud.Ports.Create(k.ctx, providers.PortSpec{Mark: mark, Name: "marked", NetworkID: k.network.ID})
			return made.ID, made.Mark, err
		},
		get: func(k *kit, id string) (providers.Mark, error) {
			got, err := k.Cloud.Ports.Get(k.ctx, id)
			return got.Mark, err
		},
		list: func(k *kit) (map[string]providers.Mark, error) {
			all, err := k.Cloud.Ports.List(k.ctx)
			return marksOf(all, func(p providers.Port) (string, providers.Mark) { return p.ID, p.Mark }), err
		},
		remove: func(k *kit, id string) error { return k.Cloud.Ports.Delete(k.ctx, id) },
	},
	{
		call: "create security group",
		create: func(k *kit, mark providers.Mark) (string, providers.Mark, error) {
			made, err := k.Cloud.SecurityGroups.Create(k.ctx, providers.SecurityGroupSpec{Mark: mark, Name: "marked"})
			return made.ID, made.Mark, err
		},
		get: func(k *kit, id string) (providers.Mark, error) {
			got, err := k.Cloud.SecurityGroups.Get(k.ctx, id)
			return got.Mark, err
		},
		list: func(k *kit) (map[string]providers.Mark, error) {
			all, err := k.Cloud.SecurityGroups.List(k.ctx)
			return marksOf(all, func(g providers.SecurityGroup) (string, providers.Mark) { return g.ID, g.Mark }), err
		},
		remove: func(k *kit, id string) error { return k.Cloud.SecurityGroups.Delete(k.ctx, id) },
	},
	{
		call: "create image",
		create: func(k *kit, mark providers.Mark) (string, providers.Mark, error) {
			made, err := k.Cloud.Images.Create(k.ctx, providers.ImageSpec{Mark: mark, Name: "marked"})
			if err == nil {
				k.Cleanup(func() { _ = k.Cloud.Images.Delete(context.WithoutCancel(k.ctx), made.ID) }) // a clause has said what it thinks of it
			}
			return made.ID, made.Mark, err
		},
		get: func(k *kit, id string) (providers.Mark, error) {
			got, err := k.Cloud.Images.Get(k.ctx, id)
			return got.Mark, err
		},
		list: func(k *kit) (map[string]providers.Mark, error) {
			all, err := k.Cloud.Images.List(k.ctx)
			return marksOf(all, func(i providers.Image) (string, providers.Mark) { return i.ID, i.Mark }), err
		},
		remove: func(k *kit, id string) error { return k.Cloud.Images.Delete(k.ctx, id) },
	},
}

func marksOf[T any](all []T, of func(T) (string, providers.Mark)) map[string]providers.Mark {
	marks := map[string]providers.Mark{}
	for _, object := range all {
		id, mark := of(object)
		marks[id] = mark
	}
	return marks
}

var markClauses = []clause{
	{"a created object is found by its mark at once", func(k *kit) {
		for _, c := range k.carriers() {
			mark := k.mark()
			id, got, err := c.create(k, mark)
			k.ok(err)
			if id == "" || got != mark {
				k.Errorf("%s returned id %q and mark %q, want mark %q", c.call, id, got, mark)
			}
			all, err := c.list(k)
			k.ok(err)
			bearers := 0
			for _, m := range all {
				if m == mark {
					bearers++
				}
			}
			if all[id] != mark || bearers != 1 {
				k.Errorf("%s: the list shows mark %q, on %d objects, want %q on one", c.call, all[id], bearers, mark)
			}
			if got, err := c.get(k, id); err != nil || got != mark {
				k.Errorf("%s: get shows mark %q (%v), want %q", c.call, got, err, mark)
			}
		}
	}},
	{"an unmarked create is refused and makes nothing", func(k *kit) {
		for _, c := range k.carriers() {
			before, err := c.list(k)
			k.ok(err)
			for _, mark := range []providers.Mark{{}, {Lineage: "short", Member: "m", Intent: "i"}, {Lineage: "abcd0123", Member: "m 1", Intent: "i"}} {
				_, _, err = c.create(k, mark)
				k.wantKind(err, c.call, providers.KindInvalid)
			}
			after, err := c.list(k)
			k.ok(err)
			if len(after) != len(before) {
				k.Errorf("%s: a refused create left %d objects where %d were", c.call, len(after), len(before))
			}
		}
	}},
	{"delete is repeatable and get then says not found", func(k *kit) {
		for _, c := range k.carriers() {
			id, _, err := c.create(k, k.mark())
			k.ok(err)
			k.ok(c.remove(k, id))
			k.ok(k.untilGone(c, id))
			k.ok(deleteAgain(k, c, id))
			_, err = c.get(k, id)
			k.wantKind(err, "get"+c.call[len("create"):], providers.KindNotFound)
		}
	}},
	{"a name of any length and script is kept", func(k *kit) {
		name := "orders-ünïcode-数据库-\"quoted\"-%s-" + longName
		server := must(k.Cloud.Servers.Create(k.ctx, withName(k.spec(k.port().ID), name)))(k)
		if got := must(k.Cloud.Servers.Get(k.ctx, server.ID))(k); got.Name != name {
			k.Errorf("the server is called %q, want %q", got.Name, name)
		}
		volume := must(k.Cloud.Volumes.Create(k.ctx, providers.VolumeSpec{Mark: k.mark(), Name: name, SizeGiB: 1}))(k)
		if got := must(k.Cloud.Volumes.Get(k.ctx, volume.ID))(k); got.Name != name {
			k.Errorf("the volume is called %q, want %q", got.Name, name)
		}
		port := must(k.Cloud.Ports.Create(k.ctx, providers.PortSpec{Mark: k.mark(), Name: name, NetworkID: k.network.ID}))(k)
		if port.Name != name {
			k.Errorf("the port is called %q, want %q", port.Name, name)
		}
	}},
}

// longName is as long as a Nova name may be, with what the clause puts before it.
const longName = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

func withName(spec providers.ServerSpec, name string) providers.ServerSpec {
	spec.Name = name
	return spec
}

func (k *kit) untilGone(c carrier, id string) error {
	switch c.call {
	case "create server":
		k.waitServer(id, gone)
	case "create volume":
		k.waitVolumeUntil(id, gone, nil)
	}
	return nil
}

// deleteAgain deletes what is gone, without the waits that precede a first delete.
func deleteAgain(k *kit, c carrier, id string) error {
	if c.call == "create volume" {
		return k.Cloud.Volumes.Delete(k.ctx, id)
	}
	return c.remove(k, id)
}
