# SPDX-License-Identifier: Apache-2.0
"""The functions that `sql.query` lets a statement call, per database: lists, no logic.

A function is on a list if all it does is compute a value from its arguments. What reads or writes
files, waits, takes locks, opens connections, changes settings or sequences, loads code or runs a
text as SQL is on none, and nor is what is simply unknown. An operator adds others by connection.

Rules: ND32.
"""

from collections.abc import Mapping
from typing import Final

_COMMON: Final = """
abs acos asin atan atan2 avg cast ceil ceiling char_length character_length coalesce concat
concat_ws cos count cume_dist degrees dense_rank exp first_value floor lag last_value lead length
ln log lower ltrim max min mod nth_value ntile nullif octet_length percent_rank pi pow power
radians rank replace round row_number rtrim sign sin sqrt substr substring sum tan trim upper
"""

_SQLITE: Final = """
-> ->> acosh asinh atanh bm25 changes char cosh date datetime format glob group_concat hex
highlight ifnull iif instr json json_array json_array_length json_each json_extract
json_group_array json_group_object json_insert json_object json_patch json_quote json_remove
json_replace json_set json_tree json_type json_valid julianday last_insert_rowid like likelihood
likely log10 log2 match printf quote random randomblob sinh snippet soundex sqlite_version
strftime string_agg tanh time timediff total total_changes trunc typeof unhex unicode unixepoch
unlikely zeroblob
"""

_POSTGRES: Final = """
acosd acosh age array_agg array_append array_cat array_dims array_fill array_length array_lower
array_ndims array_position array_positions array_prepend array_remove array_replace array_to_json
array_to_string array_upper ascii asind asinh atan2d atand atanh bernoulli bit_and bit_length
bit_or bit_xor bool_and bool_or broadcast btrim cardinality cbrt chr clock_timestamp convert
convert_from convert_to corr cosd cosh cot cotd covar_pop covar_samp current_database
current_schema date date_bin date_part date_trunc daterange decode div encode every extract
factorial family format gcd gen_random_uuid generate_series generate_subscripts get_bit get_byte
greatest grouping host initcap int4range int8range isempty isfinite json_agg json_array_elements
json_array_elements_text json_array_length json_build_array json_build_object json_each
json_each_text json_extract_path json_extract_path_text json_object json_object_agg
json_object_keys json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg
jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text
jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_match
jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set
jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof justify_days justify_hours
justify_interval lcm least left log10 lower_inc lower_inf lpad make_date make_interval make_time
make_timestamp make_timestamptz masklen md5 min_scale mode netmask network normalize now
num_nonnulls num_nulls numrange overlay parse_ident percentile_cont percentile_disc pg_typeof
phraseto_tsquery plainto_tsquery position quote_ident quote_literal quote_nullable random
range_agg range_merge regexp_count regexp_instr regexp_like regexp_match regexp_matches
regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr regr_avgx regr_avgy
regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat repeatable reverse
right row_to_json rpad scale set_bit set_byte set_masklen setweight sha224 sha256 sha384 sha512
sind sinh split_part starts_with statement_timestamp stddev stddev_pop stddev_samp string_agg
string_to_array string_to_table strip strpos system tand tanh timezone to_ascii to_char to_date
to_hex to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector transaction_timestamp
translate trim_array trim_scale trunc ts_headline ts_rank ts_rank_cd tsrange tstzrange unnest
upper_inc upper_inf var_pop var_samp variance version websearch_to_tsquery width_bucket
"""

_MYSQL: Final = """
addtime adddate any_value ascii bin bit_and bit_count bit_length bit_or bit_xor char coercibility
collation conv convert convert_tz cot crc32 curdate current_date current_role current_time
current_timestamp current_user curtime database date date_add date_format date_sub datediff day
dayname dayofmonth dayofweek dayofyear default elt export_set extract field find_in_set format
from_base64 from_days from_unixtime get_format greatest group_concat grouping hex hour if ifnull
inet6_aton inet6_ntoa inet_aton inet_ntoa insert instr interval is_ipv4 is_ipv6 is_uuid isnull
json_array json_array_append json_array_insert json_arrayagg json_compact json_contains
json_contains_path json_depth json_detailed json_exists json_extract json_insert json_keys
json_length json_loose json_merge_patch json_merge_preserve json_object json_objectagg
json_overlaps json_pretty json_query json_quote json_remove json_replace json_schema_valid
json_search json_set json_table json_type json_unquote json_valid json_value last_day lcase least
left locate localtime localtimestamp log10 log2 lpad make_set makedate maketime md5 median
microsecond mid minute month monthname now nvl nvl2 oct ord percentile_cont percentile_disc
period_add period_diff position quarter quote rand regexp_instr regexp_like regexp_replace
regexp_substr repeat reverse right rpad schema sec_to_time second session_user sha sha1 sha2
soundex space st_area st_astext st_asgeojson st_contains st_distance st_distance_sphere
st_geomfromgeojson st_geomfromtext st_intersects st_length st_within st_x st_y std stddev
stddev_pop stddev_samp str_to_date strcmp subdate substring_index subtime sysdate system_user time
time_format time_to_sec timediff timestamp timestampadd timestampdiff to_base64 to_char to_days
to_seconds truncate ucase uncompressed_length unhex unix_timestamp user utc_date utc_time
utc_timestamp uuid values var_pop var_samp variance version week weekday weekofyear weight_string
year yearweek
"""

_GRAMMAR: Final = """
against all and any array as between binary both by case character char columns conflict cube dec
decimal distinct distinctrow div double else escape except exists fetch filter first float from
glob group having ilike in index insert int integer intersect interval into is join key lateral
leading like limit match materialized mod names next not numeric offset on or order over overlaps
partition precision regexp returning rlike rollup row select set sets similar smallint bigint
tinyint mediumint some then time timestamp timestamptz timetz to trailing union using values
varbinary varbit varchar varying when where with within xor year datetime bit blob text nchar
bpchar nvarchar real unsigned signed
"""

FUNCTIONS: Final[Mapping[str, frozenset[str]]] = {
    "sqlite": frozenset((_COMMON + _SQLITE).split()),
    "postgres": frozenset((_COMMON + _POSTGRES).split()),
    "mysql": frozenset((_COMMON + _MYSQL).split()),
}
"""By dialect, in lower case."""

BEFORE_PARENTHESIS: Final = frozenset(_GRAMMAR.split())
"""Words of SQL's grammar and names of types that a parenthesis may follow without being a call."""
