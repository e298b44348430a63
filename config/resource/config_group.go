package resource

// ConfigGroup is a named set of engine parameters that instances share. It has no object in the cloud: its values are
// part of each instance that names it.
type ConfigGroup struct {
	Datastore Address           `json:"datastore"`
	Manager   string            `json:"manager"` // of the datastore, resolved by the reader
	Version   string            `json:"version"`
	Values    map[string]string `json:"values"` // canonical text, checked against the catalog
}

// Kind is KindConfigGroup.
func (c *ConfigGroup) Kind() Kind { return KindConfigGroup }

// References names the datastore.
func (c *ConfigGroup) References() map[string]Address {
	return map[string]Address{"datastore": c.Datastore}
}

// Attributes shows one attribute for each value.
func (c *ConfigGroup) Attributes() Attributes {
	out := Attributes{"datastore": c.Datastore.String(), "version": c.Version}
	for name, value := range c.Values {
		out["values."+name] = value
	}
	return out
}

// Judge: only the record changes; the instances that name the group have steps of their own.
func (c *ConfigGroup) Judge(string, Body) Verdict { return recordOnly }
