"""Runs SQL in DuckDB with a bucket within reach, and prints the rows as JSON, one object each.

Arguments: the SQL. Environment: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import duckdb_extension_httpfs

# Elsewhere `INSTALL httpfs` downloads it; here it comes as a package of Python.
[extension] = Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


connection = duckdb.connect()
connection.execute(f"LOAD {quoted(str(extension))}")
connection.execute(f"""
    CREATE SECRET (
        TYPE s3, KEY_ID {quoted(os.environ["AWS_ACCESS_KEY_ID"])}, SECRET {quoted(os.environ["AWS_SECRET_ACCESS_KEY"])},
        REGION {quoted(os.environ["AWS_REGION"])}, ENDPOINT {quoted(endpoint.netloc)}, URL_STYLE 'path',
        USE_SSL {endpoint.scheme == "https"}
    )
""")
answer = connection.execute(sys.argv[1])
names = [column[0] for column in answer.description]
print(json.dumps([dict(zip(names, row)) for row in answer.fetchall()], default=str))
