--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE TABLE public.ports (
    code text NOT NULL,
    size integer,
    parent_slug text NOT NULL
);

COPY public.ports (code, size, parent_slug) FROM stdin;
NOOSL	12	norway
CNCWN	\N	china
\.


COPY public.regions (slug, name, parent_slug) FROM stdin;
norway	Nor\\way\twith a tab	north
china	\103hina	\N
north	The "north", Måløy	\N
\.


COPY public.secrets (id) FROM stdin;
1
\.


ALTER TABLE ONLY public.ports
    ADD CONSTRAINT ports_parent_slug_fkey FOREIGN KEY (parent_slug) REFERENCES public.regions(slug);

ALTER TABLE ONLY public.regions
    ADD CONSTRAINT regions_parent_slug_fkey FOREIGN KEY (parent_slug) REFERENCES public.regions(slug);

--
-- PostgreSQL database dump complete
--
