package resource

import (
	"maps"
	"slices"
)

// Datastore says which engine is offered, in which versions, from which images. It has no object in the cloud.
type Datastore struct {
	Manager  string                      `json:"manager"` // the engine's name in the catalog
	Versions map[string]DatastoreVersion `json:"versions"`
}

// DatastoreVersion is one version of a datastore.
type DatastoreVersion struct {
	Image     string   `json:"image,omitempty"`      // Glance name or id
	ImageTags []string `json:"image_tags,omitempty"` // or the newest image that bears all of them
	// ImageFile is a file that becomes the image, relative to the configuration; ImageSHA256 is its digest, in hex, and all
	// that an image in the cloud is compared with.
	ImageFile   string   `json:"image_file,omitempty"`
	ImageSHA256 string   `json:"image_sha256,omitempty"`
	Packages    []string `json:"packages,omitempty"`
	Inactive    bool     `json:"inactive,omitempty"` // no new instances
}

// Kind is KindDatastore.
func (d *Datastore) Kind() Kind { return KindDatastore }

// References is empty.
func (d *Datastore) References() map[string]Address { return nil }

// Attributes shows the manager and one attribute for each version's argument.
func (d *Datastore) Attributes() Attributes {
	out := Attributes{"manager": d.Manager}
	for _, name := range slices.Sorted(maps.Keys(d.Versions)) {
		v, at := d.Versions[name], index("version", name)
		putText(out, at+".image", v.Image)
		putList(out, at+".image_tags", v.ImageTags)
		putText(out, at+".image_file", v.ImageFile)
		putText(out, at+".image_sha256", v.ImageSHA256)
		putList(out, at+".packages", v.Packages)
		out[at+".active"] = !v.Inactive
	}
	return out
}

// Judge: the manager is fixed once instances rest on it; versions are records.
func (d *Datastore) Judge(path string, _ Body) Verdict {
	if path == "manager" {
		return refused("a datastore keeps its engine", "declare a second datastore for the other engine")
	}
	return recordOnly
}
