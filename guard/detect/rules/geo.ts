/** Places as coordinates: decimal pairs, single ones under their name, and degrees with minutes. Prices, ratios and vectors are none. */
import type { Part, Rule } from "../rule.ts";
import { whole } from "../rule.ts";

const START = String.raw`(?<![\p{L}\p{N}_.]|\d,)`;
const END = String.raw`(?![\p{L}\p{N}_]|\.\d)`;
const NUMBER = String.raw`[-+]?\d{1,3}\.\d{2,15}`;

const inRange = (latitude: number, longitude: number): boolean => Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;

/** Either order: GeoJSON has the longitude first. */
const pair = (match: RegExpExecArray): Part | undefined => {
  const first = Number(match[1]);
  const second = Number(match[2]);
  return inRange(first, second) || inRange(second, first) ? whole(match) : undefined;
};

/** Four decimals are ten metres, which few other pairs of numbers have; a third number makes a vector of it. */
const precise = (match: RegExpExecArray): Part | undefined => {
  const exact = [match[1], match[2]].every((number) => (number ?? "").split(".")[1]?.match(/^\d{4,15}$/) && Math.abs(Number(number)) >= 1);
  const before = match.input.slice(Math.max(0, match.index - 24), match.index);
  const after = match.input.slice(match.index + match[0].length, match.index + match[0].length + 8);
  return exact && !/\d[\s,;]{1,4}$/.test(before) && !/^[\s,;]{1,4}[-+]?\d/.test(after) ? pair(match) : undefined;
};

const CONTEXT =
  /\blat(?:itude|itud)?\b|\blon(?:gitude|g)?\b|\blng\b|coord|\bgps\b|\bgeo(?:location|point|json)?\b|location|position|standort|koordinat|posici[oó]n|posizione|ubicaci[oó]n|lokalizacj|współrzędn|plats\b|locatie|emplacement|localisation|\bll\b|breitengrad|längengrad|breedtegraad|lengtegraad/;

const PAIR = String.raw`(${NUMBER})°?(?:[ \t]{0,3}[,;/][ \t]{0,3}|[ \t]{1,3}|%2C)(${NUMBER})°?`;
const STARTS_PAIR = { figures: 3, texts: ["-", "+"] };

/** Rules for coordinates. */
export const GEO_RULES: readonly Rule[] = [
  {
    label: "GEO",
    detector: "rule:geo-pair",
    score: 0.85,
    pattern: new RegExp(START + PAIR + END, "giu"),
    starts: STARTS_PAIR,
    accept: precise,
  },
  {
    label: "GEO",
    detector: "rule:geo-pair-named",
    score: 0.9,
    pattern: new RegExp(START + PAIR + END, "giu"),
    starts: STARTS_PAIR,
    accept: pair,
    context: CONTEXT,
  },
  {
    label: "GEO",
    detector: "rule:geo-uri",
    score: 0.9,
    pattern:
      /(?<=geo:|\/@|[?&](?:q|ll|sll|daddr|saddr|center|query)=)([-+]?\d{1,3}(?:\.\d{1,15})?)(?:,|%2C)([-+]?\d{1,3}(?:\.\d{1,15})?)/gi,
    starts: STARTS_PAIR,
    accept: (match) => (/\.\d/.test(match[0]) ? pair(match) : undefined),
  },
  {
    label: "GEO",
    detector: "rule:geo-named",
    score: 0.9,
    pattern: new RegExp(String.raw`(?<![\p{L}\p{N}_.])[-+]?\d{1,3}\.\d{2,15}${END}`, "gu"),
    starts: STARTS_PAIR,
    accept: (match) => (Math.abs(Number(match[0])) <= 180 ? whole(match) : undefined),
    context:
      /^(?:[\w ]* )?(?:lat(?:itude|itud)?|lon(?:g|gitude)?|lng|breitengrad|längengrad|breedtegraad|lengtegraad|latitudine|longitudine|szerokość|długość)(?: deg)?$/u,
  },
  {
    label: "GEO",
    detector: "rule:geo-hemispheres",
    score: 0.9,
    pattern: /(?<![\p{L}\p{N}_.])\d{1,3}\.\d{2,15} ?°? ?[NS][,;/ ]{1,3}\d{1,3}\.\d{2,15} ?°? ?[EWO](?![\p{L}\p{N}_])/gu,
    starts: { figures: 3 },
    accept: whole,
  },
  {
    label: "GEO",
    detector: "rule:geo-degrees",
    score: 0.9,
    pattern:
      /(?<![\p{L}\p{N}_.])\d{1,3}(?:\.\d{1,15})? ?[°º](?: ?\d{1,2}(?:\.\d{1,8})? ?['′’](?: ?\d{1,2}(?:\.\d{1,8})? ?(?:["″”]|''))?)? ?[NSEWO](?:[,;/ ]{0,3}\d{1,3}(?:\.\d{1,15})? ?[°º](?: ?\d{1,2}(?:\.\d{1,8})? ?['′’](?: ?\d{1,2}(?:\.\d{1,8})? ?(?:["″”]|''))?)? ?[NSEWO])?(?![\p{L}\p{N}_])/gu,
    starts: { figures: 1 },
    accept: whole,
  },
];
