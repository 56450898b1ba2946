-- As the database's superuser, once. The password is asked for by \password.
CREATE ROLE batchhub LOGIN;
\password batchhub
CREATE DATABASE batchhub OWNER batchhub;
