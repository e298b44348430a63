package emulator

import (
	"net/http"
	"strconv"
)

func (s *Server) flavorView(c *call, f flavor, detail bool) map[string]any {
	v := map[string]any{"id": f.ID, "name": f.Name, "links": s.novaLinks(c, "flavors", f.ID)}
	if c.micro >= 55 {
		v["description"] = nil
	}
	if detail {
		v["ram"], v["vcpus"], v["disk"], v["swap"] = f.RAM, f.VCPUs, f.Disk, any("")
		v["OS-FLV-EXT-DATA:ephemeral"], v["OS-FLV-DISABLED:disabled"] = 0, false
		v["os-flavor-access:is_public"], v["rxtx_factor"] = true, 1.0
		if c.micro >= 61 {
			v["extra_specs"] = map[string]string{}
		}
		if c.micro >= 75 {
			v["swap"] = 0
		}
	}
	return v
}

func (s *Server) listFlavors(c *call, detail bool) error {
	match := []flavor{}
	for _, f := range flavors {
		ram, _ := strconv.Atoi(c.query("minRam"))
		disk, _ := strconv.Atoi(c.query("minDisk"))
		if f.RAM >= ram && f.Disk >= disk {
			match = append(match, f)
		}
	}
	page, more, err := pageOf(c, match, func(f flavor) string { return f.ID }, maxLimit)
	if err != nil {
		return err
	}
	out := make([]any, len(page))
	for i, f := range page {
		out[i] = s.flavorView(c, f, detail)
	}
	answer := map[string]any{"flavors": out}
	if more {
		answer["flavors_links"] = []any{link("next", s.nextLink(c, page[len(page)-1].ID))}
	}
	return c.reply(http.StatusOK, answer)
}

func (s *Server) showFlavor(c *call) error {
	f, ok := flavorByID(c.path("id"))
	if !ok {
		return notFound("Flavor %s could not be found.", c.path("id"))
	}
	return c.reply(http.StatusOK, map[string]any{"flavor": s.flavorView(c, f, true)})
}

func (s *Server) flavorSpecs(c *call) error {
	if _, ok := flavorByID(c.path("id")); !ok {
		return notFound("Flavor %s could not be found.", c.path("id"))
	}
	return c.reply(http.StatusOK, map[string]any{"extra_specs": map[string]string{}})
}

func (s *Server) novaZones(c *call) error {
	out := []any{}
	for _, z := range zones {
		out = append(out, map[string]any{"zoneName": z, "zoneState": map[string]any{"available": true}, "hosts": nil})
	}
	return c.reply(http.StatusOK, map[string]any{"availabilityZoneInfo": out})
}
